// SQLite tells the length of the log after each commit of the writer's connection.
#include "shim/sql/sqlite_checkpointer.h"

#include <sqlite3.h>

#include <chrono>
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
// What a pause is used for, and how long it is.
constexpr int kWorthItPages = 256;
constexpr std::chrono::milliseconds kPause{500};
// The second copies what was written during the first, and leaves little.
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
  if (unsynced_ > 0) connection_->KeepLogOnClose();
}

Result<std::unique_ptr<SqliteCheckpointer>> SqliteCheckpointer::Start(const std::string& path,
                                                                      const SqliteWalVfs& vfs,
                                                                      StatementObserver* observer) {
  KUBASE_ASSIGN_OR_RETURN(auto connection,
                          SqliteConnection::Open(path, vfs, Access::kWrite, observer));
  return std::unique_ptr<SqliteCheckpointer>(new SqliteCheckpointer(std::move(connection)));
}

Result<void> SqliteCheckpointer::CheckSynced() const {
  const std::lock_guard lock(mutex_);
  if (unsynced_ == 0) return Ok();
  return Error{ErrorCode::kUnavailable,
               "SQLite: the disk has not yet taken what was copied from the log"};
}

Result<std::unique_lock<std::mutex>> SqliteCheckpointer::HoldSynced() {
  std::unique_lock copying(copying_);
  KUBASE_TRY(CheckSynced());
  return copying;
}

void SqliteCheckpointer::Follow(SqliteConnection& writer) {
  writer_ = &writer;
  sqlite3_wal_hook(writer.handle(), OnCommit, this);
}

// The commit is done; an error returned here would be taken for one of the commit.
int SqliteCheckpointer::OnCommit(void* self, sqlite3*, const char*, int pages) {
  auto& checkpointer = *static_cast<SqliteCheckpointer*>(self);
  if (!checkpointer.CheckSynced().ok()) return SQLITE_OK;
  const bool due = checkpointer.IsDue(pages);
  const bool full = due && pages >= kPagesMax;
  if (full) checkpointer.WaitUntilDone();
  checkpointer.Note(pages, due && !full);
  if (checkpointer.nearly_done_.exchange(false) || full) checkpointer.CopyRest();
  return SQLITE_OK;
}

// SQLite would take what the thread has copied for synced, come to the end, and let the log start
// anew: so what the thread's syncs have made of it is asked here again.
void SqliteCheckpointer::CopyRest() {
  const std::unique_lock copying(copying_, std::try_to_lock);
  if (!copying.owns_lock() || !CheckSynced().ok()) return;
  (void)CopyOnce(*writer_);  // a failure shows in the next attempt
}

void SqliteCheckpointer::Note(int pages, bool due) {
  const bool worth_it = pages >= kWorthItPages;
  bool wake = due;
  {
    const std::lock_guard lock(mutex_);
    ++commits_;
    wake = wake || (worth_it && !worth_it_);
    due_ = due_ || due;
    worth_it_ = worth_it_ || worth_it;
  }
  if (wake) wake_.notify_one();
}

bool SqliteCheckpointer::IsDue(int pages) {
  if (pages < pages_) due_at_ = kStartPages;  // the log has started anew
  pages_ = pages;
  if (pages < due_at_) return false;
  due_at_ = pages + kAgainPages;
  return true;
}

void SqliteCheckpointer::WaitUntilDone() {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return !due_ || unsynced_ > 0 || stopping_; });
}

bool SqliteCheckpointer::WaitForPause(std::unique_lock<std::mutex>& lock) {
  const uint64_t before = commits_;
  wake_.wait_for(lock, kPause, [this] { return due_ || stopping_; });
  return commits_ == before;
}

// SQLite itself syncs the database when it has come to the end of the log, but somebody may have
// committed since it looked.
bool SqliteCheckpointer::CopyOnce(SqliteConnection& connection) {
  const Result<int> copied = connection.Checkpoint();
  if (!copied.ok()) return false;
  if (connection.SyncDatabaseFile().ok()) return true;
  {
    const std::lock_guard lock(mutex_);
    unsynced_ = *copied;
  }
  wake_.notify_one();
  return false;
}

bool SqliteCheckpointer::Copy(int passes) {
  for (int pass = 0; pass < passes; ++pass) {
    const std::lock_guard copying(copying_);
    if (!CheckSynced().ok() || !CopyOnce(*connection_)) return false;
  }
  return true;
}

bool SqliteCheckpointer::Rewrite(int frames) {
  return connection_->RewriteFromLog(frames).ok() && connection_->SyncDatabaseFile().ok();
}

void SqliteCheckpointer::Run() {
  NameThread("checkpointer");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return due_ || worth_it_ || unsynced_ > 0 || stopping_; });
    if (unsynced_ > 0) KeepTrying(lock);
    if (stopping_) return;
    const bool paused = !due_ && WaitForPause(lock);
    if (stopping_) return;
    const bool due = due_;
    if (unsynced_ > 0 || (!due && !paused)) continue;
    lock.unlock();
    const bool copied = Copy(due ? kPasses : 1);
    lock.lock();
    nearly_done_ = due && copied;
    due_ = worth_it_ = false;
    done_.notify_all();
  }
}

void SqliteCheckpointer::KeepTrying(std::unique_lock<std::mutex>& lock) {
  while (!stopping_) {
    const int frames = unsynced_;
    lock.unlock();
    const bool rewritten = Rewrite(frames);
    lock.lock();
    if (rewritten) {
      unsynced_ = 0;
      return;
    }
    wake_.wait_for(lock, kPause, [this] { return stopping_; });
  }
}

}  // namespace kubase::sql
