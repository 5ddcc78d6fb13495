// SqliteCheckpointer: copies the write-ahead log into the database beside the writer.
//
// A checkpoint costs two fsyncs and random writes. In the writer's own thread every caller behind
// it waits; on a thread of its own it only shares the disk. But while the writer goes on the thread
// never copies all, and only then can the log start anew: so the writer copies the little that the
// thread has left. A page that was written many times since the last checkpoint is copied once, so
// the log is let grow before the first. On a slow disk the writer waits for the thread in the end,
// so that the size of the log has a bound, unless a reader holds it. When the writer pauses, what
// is worth it is copied at once: pages of the database are read from its mapping, those of the log
// by a call each.
//
// After a failed fsync Linux takes pages for clean that the disk does not have, so that the next
// one succeeds without them. The frames that they came from are still in the log: it is kept, and
// they are written again until a sync has succeeded.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "shim/base/result.h"
#include "shim/sql/database.h"

struct sqlite3;

namespace kubase::sql {

class SqliteConnection;
class SqliteWalVfs;

class SqliteCheckpointer {
 public:
  // `observer` may be null; it hears of each checkpoint, failed ones too, which are tried again.
  static Result<std::unique_ptr<SqliteCheckpointer>> Start(const std::string& path,
                                                           const SqliteWalVfs& vfs,
                                                           StatementObserver* observer);
  ~SqliteCheckpointer();
  SqliteCheckpointer(const SqliteCheckpointer&) = delete;
  SqliteCheckpointer& operator=(const SqliteCheckpointer&) = delete;

  // kUnavailable while the disk does not take what was copied: the log must not start anew then.
  // Any thread.
  Result<void> CheckSynced() const;

  // As CheckSynced; while the lock is held nothing is copied that the disk might refuse, so the log
  // may start anew. Waits for a copy under way. Not for a thread that commits while it holds it.
  Result<std::unique_lock<std::mutex>> HoldSynced();

  // Follows the commits of the one connection that writes; it must not commit after this has gone.
  void Follow(SqliteConnection& writer);

 private:
  SqliteCheckpointer(std::unique_ptr<SqliteConnection> connection);
  static int OnCommit(void* self, sqlite3* writer, const char* database, int pages);
  // Whether a log of `pages` is to be copied; on the writer's thread.
  bool IsDue(int pages);
  void Note(int pages, bool due);
  void WaitUntilDone();
  // Copies on the writer's thread, unless the other one does or has left pages that are not synced.
  void CopyRest();
  void Run();
  // True: all passes succeeded and are on the disk.
  bool Copy(int passes);
  // With copying_ held.
  bool CopyOnce(SqliteConnection& connection);
  // False: the disk does not take it yet.
  bool Rewrite(int frames);
  void KeepTrying(std::unique_lock<std::mutex>& lock);
  // False: the writer has not paused.
  bool WaitForPause(std::unique_lock<std::mutex>& lock);

  const std::unique_ptr<SqliteConnection> connection_;
  SqliteConnection* writer_ = nullptr;
  std::atomic<bool> nearly_done_{false};  // the rest is the writer's
  int pages_ = 0;                         // of the log; the writer's thread
  int due_at_;                            // pages; the writer's thread
  // From the first page of a copy until it is known whether all are on the disk; before mutex_.
  std::mutex copying_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  // Guarded by mutex_:
  bool due_ = false;       // until it was done
  bool worth_it_ = false;  // as soon as the writer pauses
  uint64_t commits_ = 0;
  int unsynced_ = 0;  // frames that count as copied and may not be on the disk
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kubase::sql
