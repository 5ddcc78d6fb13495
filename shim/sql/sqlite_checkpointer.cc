// SQLite tells the length of the log after each commit of the writer's connection.
#include "shim/sql/sqlite_checkpointer.h"

#include <sqlite3.h>

#include <utility>

#include "shim/base/executor.h"
#include "shim/sql/sqlite_connection.h"

namespace kubase::sql {
namespace {

// Of 4 kB each. The log starts anew when all of it was copied and nobody reads it, so it is a few
// times as long as the first figure under load.
constexpr int kStartPages = 2000;
constexpr int kPagesMax = 16'384;

}  // namespace

SqliteCheckpointer::SqliteCheckpointer(std::unique_ptr<SqliteConnection> connection)
    : connection_(std::move(connection)), thread_([this] { Run(); }) {}

SqliteCheckpointer::~SqliteCheckpointer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Result<std::unique_ptr<SqliteCheckpointer>> SqliteCheckpointer::Start(const std::string& path,
                                                                      StatementObserver* observer) {
  KUBASE_ASSIGN_OR_RETURN(auto connection, SqliteConnection::Open(path, Access::kWrite, observer));
  return std::unique_ptr<SqliteCheckpointer>(new SqliteCheckpointer(std::move(connection)));
}

void SqliteCheckpointer::Follow(sqlite3* writer) {
  sqlite3_wal_hook(writer, OnCommit, this);
}

// The commit is done; an error returned here would be taken for one of the commit.
int SqliteCheckpointer::OnCommit(void* self, sqlite3* writer, const char* database, int pages) {
  if (pages < kStartPages) return SQLITE_OK;
  auto& checkpointer = *static_cast<SqliteCheckpointer*>(self);
  {
    const std::lock_guard lock(checkpointer.mutex_);
    checkpointer.due_ = true;
  }
  checkpointer.wake_.notify_one();
  // What the thread has left of the log; a failure shows in the thread's next attempt.
  if (pages >= kPagesMax) {
    (void)sqlite3_wal_checkpoint_v2(writer, database, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  }
  return SQLITE_OK;
}

void SqliteCheckpointer::Run() {
  NameThread("checkpointer");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return due_ || stopping_; });
    if (stopping_) return;
    due_ = false;
    lock.unlock();
    connection_->Checkpoint();
    lock.lock();
  }
}

}  // namespace kubase::sql
