// SqliteCheckpointer: copies the write-ahead log into the database beside the writer.
//
// A checkpoint costs two fsyncs and random writes. In the writer's own thread every caller behind
// it waits; on a thread of its own it only shares the disk. A log that grows faster than that is
// cut by the writer itself, so that its size has a bound.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "shim/base/result.h"
#include "shim/sql/database.h"

struct sqlite3;

namespace kubase::sql {

class SqliteConnection;

class SqliteCheckpointer {
 public:
  // `observer` may be null; it hears of each checkpoint, failed ones too, which are tried again.
  static Result<std::unique_ptr<SqliteCheckpointer>> Start(const std::string& path,
                                                           StatementObserver* observer);
  ~SqliteCheckpointer();
  SqliteCheckpointer(const SqliteCheckpointer&) = delete;
  SqliteCheckpointer& operator=(const SqliteCheckpointer&) = delete;

  // Follows the commits of a connection that must not outlive this.
  void Follow(sqlite3* writer);

 private:
  SqliteCheckpointer(std::unique_ptr<SqliteConnection> connection);
  static int OnCommit(void* self, sqlite3* writer, const char* database, int pages);
  void Run();

  const std::unique_ptr<SqliteConnection> connection_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool due_ = false;       // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace kubase::sql
