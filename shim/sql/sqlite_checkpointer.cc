// SQLite tells the length of the log after each commit of the writer's connection.
#include "shim/sql/sqlite_checkpointer.h"

#include <sqlite3.h>

#include <utility>

#include "shim/base/executor.h"
#include "shim/sql/sqlite_connection.h"

namespace kubase::sql {
namespace {

// Pages of 4 kB. The log gets a third longer than the first figure under load, and the second at
// most; while a reader holds it, the next attempts are the third apart.
constexpr int kStartPages = 12'288;
constexpr int kPagesMax = 32'768;
constexpr int kAgainPages = 2'048;
// The second copies what was written during the first, and leaves next to nothing.
constexpr int kPasses = 2;

}  // namespace

SqliteCheckpointer::SqliteCheckpointer(std::unique_ptr<SqliteConnection> connection)
    : connection_(std::move(connection)), due_at_(kStartPages), thread_([this] { Run(); }) {}

SqliteCheckpointer::~SqliteCheckpointer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Result<std::unique_ptr<SqliteCheckpointer>> SqliteCheckpointer::Start(const std::string& path,
                                                                      const SqliteWalVfs& vfs,
                                                                      StatementObserver* observer) {
  KUBASE_ASSIGN_OR_RETURN(auto connection,
                          SqliteConnection::Open(path, vfs, Access::kWrite, observer));
  return std::unique_ptr<SqliteCheckpointer>(new SqliteCheckpointer(std::move(connection)));
}

void SqliteCheckpointer::Follow(sqlite3* writer) {
  sqlite3_wal_hook(writer, OnCommit, this);
}

// The commit is done; an error returned here would be taken for one of the commit.
int SqliteCheckpointer::OnCommit(void* self, sqlite3* writer, const char* database, int pages) {
  auto& checkpointer = *static_cast<SqliteCheckpointer*>(self);
  const bool due = checkpointer.IsDue(pages);
  const bool full = due && pages >= kPagesMax;
  if (full) checkpointer.WaitUntilIdle();
  if (checkpointer.nearly_done_.exchange(false) || full) {
    // A failure shows in the thread's next attempt.
    (void)sqlite3_wal_checkpoint_v2(writer, database, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  } else if (due) {
    {
      const std::lock_guard lock(checkpointer.mutex_);
      checkpointer.due_ = true;
    }
    checkpointer.wake_.notify_one();
  }
  return SQLITE_OK;
}

bool SqliteCheckpointer::IsDue(int pages) {
  if (pages < pages_) due_at_ = kStartPages;  // the log has started anew
  pages_ = pages;
  if (pages < due_at_) return false;
  due_at_ = pages + kAgainPages;
  return true;
}

void SqliteCheckpointer::WaitUntilIdle() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return !due_ || stopping_; });
}

void SqliteCheckpointer::Run() {
  NameThread("checkpointer");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return due_ || stopping_; });
    if (stopping_) return;
    lock.unlock();
    for (int pass = 0; pass < kPasses; ++pass) connection_->Checkpoint();
    nearly_done_ = true;
    lock.lock();
    due_ = false;
    idle_.notify_all();
  }
}

}  // namespace kubase::sql
