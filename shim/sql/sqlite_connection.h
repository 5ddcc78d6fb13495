// One SQLite connection with its prepared statements. Private to the sql room.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/sql/sqlite_mapped_read.h"

struct sqlite3;
struct sqlite3_file;
struct sqlite3_stmt;

namespace kubase::sql {

class SqliteWalVfs;

// SQLite's result code (extended) as one of ours; `message` is SQLite's own.
Error ClassifySqlite(int code, const std::string& message);

class SqliteConnection final : public Connection {
 public:
  // `vfs` must outlive the connection.
  static Result<std::unique_ptr<SqliteConnection>> Open(const std::string& path,
                                                        const SqliteWalVfs& vfs, Access access,
                                                        StatementObserver* observer);
  // To look at a file that may not be ours, outside of Select too: a reader that maps nothing.
  static Result<std::unique_ptr<SqliteConnection>> OpenToInspect(const std::string& path,
                                                                 const SqliteWalVfs& vfs);
  ~SqliteConnection() override;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  Result<void> Begin(Access access) override;
  Result<void> Commit() override;
  void Rollback() override;
  Result<void> Select(Query query, Params params, const RowSink& sink) override;
  Result<void> SelectMany(Query query, Params params, size_t columns, const RowSink& sink) override;
  Result<void> SelectMatching(const MatchShape& shape, Params params, const RowSink& sink) override;
  Result<int64_t> Execute(Query query, Params params) override;
  Result<void> ExecuteMany(Query query, Params params, size_t columns) override;
  void Disconnect() override {}

  // 0: there is no schema yet.
  Result<int64_t> ReadSchemaVersion();
  Result<void> RunSchemaStep(const std::string& script, int64_t version);
  Result<int64_t> ReadPragma(const std::string& name);
  Result<bool> ReclaimSpaceStep();
  Result<void> ReclaimSpace(const std::stop_token& stop);
  // Copies the log into the database and cuts it to nothing, as far as nobody reads from it.
  Result<void> ShortenLog(const std::stop_token& stop);
  // Copies what it can of the log without waiting for anybody, and returns how many of its frames
  // are in the database; the observer hears how it went. SyncDatabaseFile has to follow. A failure
  // leaves the pages in the log for the next attempt.
  Result<int> Checkpoint();
  // SQLite counts as copied what is not on the disk before this has succeeded.
  Result<void> SyncDatabaseFile();
  // After a failed SyncDatabaseFile: writes the first frames of the log into the database once
  // more. There must have been no checkpoint since.
  Result<void> RewriteFromLog(int frames);
  // As Database::CheckIntegrity.
  Result<std::vector<std::string>> CheckIntegrity();
  // Leaves the log alone when this is the last connection to close.
  void KeepLogOnClose();
  sqlite3* handle() { return database_.get(); }
  // Errors: kUnavailable while a reader holds an old snapshot; those of the database.
  Result<void> EmptyWal();

 private:
  struct CloseStatement {
    void operator()(sqlite3_stmt* statement) const;
  };
  struct CloseDatabase {
    void operator()(sqlite3* database) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, CloseStatement>;

  SqliteConnection(std::string path, const SqliteWalVfs& vfs, Access access,
                   StatementObserver* observer);

  Result<void> OpenDatabase(bool mapped);
  Result<void> Configure(bool mapped);
  // Runs a statement that reads. After a failed read of the mapping the connection has to be
  // opened again, without one, which waits for the end of the transaction.
  template <typename Work>
  Result<void> Reading(const Work& work);
  Result<void> LeaveMapping();
  // Outside of transactions.
  void MapWhatHasGrown();
  Result<void> RunScript(const std::string& script);
  Result<Statement> Prepare(std::string_view text);
  Result<sqlite3_stmt*> Prepared(Query query);
  Result<sqlite3_stmt*> Prepared(const MatchShape& shape);
  Result<void> RunSelect(sqlite3_stmt* statement, Params params, const RowSink& sink,
                         StatementRun& run);
  Result<void> Bind(sqlite3_stmt* statement, Params params);
  Result<void> RunToEnd(sqlite3_stmt* statement);
  Result<void> RunControl(Statement& cache, const char* text);
  sqlite3_file* File(int which);
  Error LastError() const;
  Error LastError(int code) const;

  const std::string path_;
  const SqliteWalVfs& vfs_;
  const Access access_;
  StatementObserver* const observer_;
  MappedFile mapping_;
  int64_t mapped_bytes_ = 0;  // of the file when it was mapped anew for its growth
  bool mapping_failed_ = false;
  // The statements go before the database they belong to.
  std::unique_ptr<sqlite3, CloseDatabase> database_;
  std::array<Statement, kQueries> prepared_;
  std::map<MatchShape, Statement> matching_;  // bounded
  Statement begin_read_, begin_write_, commit_, rollback_;
};

}  // namespace kubase::sql
