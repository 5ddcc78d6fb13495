// What a connection does to its file beside statements: the schema, checkpoints, giving space back.
#include <fmt/format.h>
#include <sqlite3.h>

#include "shim/sql/observed.h"
#include "shim/sql/sqlite_connection.h"
#include "shim/sql/sqlite_log_pages.h"

namespace kubase::sql {
namespace {

// Pages given back per step: about a millisecond of work.
constexpr int kReclaimPages = 256;
// Free pages below this are kept for the next writes.
constexpr int64_t kReclaimFreePagesMin = 1024;

}  // namespace

Result<int64_t> SqliteConnection::ReadSchemaVersion() {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(
      database_.get(), "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'meta'",
      -1, &raw, nullptr);
  if (code != SQLITE_OK) return LastError(code);
  const Statement statement(raw);
  if (sqlite3_step(raw) != SQLITE_ROW) return LastError();
  if (sqlite3_column_int64(raw, 0) == 0) return int64_t{0};
  int64_t version = 0;
  KUBASE_TRY(Select(Query::kReadMeta, {}, [&](const Row& row) {
    version = row.Int(0);
    return false;
  }));
  if (version > 0) return version;
  return Error{ErrorCode::kCorrupt,
               "the table meta has no row; the file was not written by kubase: choose another"};
}

Result<void> SqliteConnection::RunSchemaStep(const std::string& script, int64_t version) {
  Result<void> result = RunScript(fmt::format(
      "BEGIN IMMEDIATE; {}; UPDATE meta SET schema_version = {}; COMMIT;", script, version));
  if (!result.ok()) Rollback();
  return result;
}

Result<bool> SqliteConnection::ReclaimSpaceStep() {
  KUBASE_ASSIGN_OR_RETURN(const int64_t free_pages, ReadPragma("freelist_count"));
  KUBASE_ASSIGN_OR_RETURN(const int64_t pages, ReadPragma("page_count"));
  if (free_pages < kReclaimFreePagesMin || free_pages < pages / 8) return false;
  KUBASE_TRY(RunScript(fmt::format("PRAGMA incremental_vacuum({})", kReclaimPages)));
  return true;
}

Result<void> SqliteConnection::ReclaimSpace(const std::stop_token& stop) {
  const std::stop_callback cut(stop, [this] { sqlite3_interrupt(database_.get()); });
  return RunScript("PRAGMA incremental_vacuum");
}

Result<void> SqliteConnection::ShortenLog(const std::stop_token& stop) {
  const std::stop_callback cut(stop, [this] { sqlite3_interrupt(database_.get()); });
  return RunScript("PRAGMA wal_checkpoint(TRUNCATE)");
}

Result<std::vector<std::string>> SqliteConnection::CheckIntegrity() {
  KUBASE_ASSIGN_OR_RETURN(const Statement statement, Prepare("PRAGMA integrity_check(20)"));
  std::vector<std::string> damages;
  int code = sqlite3_step(statement.get());
  for (; code == SQLITE_ROW; code = sqlite3_step(statement.get())) {
    const std::string text(reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), 0)));
    if (text != "ok") damages.push_back(text);
  }
  if (code != SQLITE_DONE) return LastError(code);
  return damages;
}

Result<int> SqliteConnection::Checkpoint() {
  return Observed(observer_, "checkpoint", [&](StatementRun&) -> Result<int> {
    int frames = 0;
    const int code = sqlite3_wal_checkpoint_v2(database_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                               nullptr, &frames);
    if (code != SQLITE_OK) return LastError(code);
    return frames;
  });
}

Result<void> SqliteConnection::SyncDatabaseFile() {
  return Observed(observer_, "sync", [&](StatementRun&) -> Result<void> {
    sqlite3_file* const file = File(SQLITE_FCNTL_FILE_POINTER);
    const int code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
    if (code != SQLITE_OK) return ClassifySqlite(code, sqlite3_errstr(code));
    return Ok();
  });
}

Result<void> SqliteConnection::RewriteFromLog(int frames) {
  return Observed(observer_, "rewrite", [&](StatementRun&) -> Result<void> {
    const int code =
        RewritePages(File(SQLITE_FCNTL_JOURNAL_POINTER), File(SQLITE_FCNTL_FILE_POINTER), frames);
    if (code != SQLITE_OK) return ClassifySqlite(code, sqlite3_errstr(code));
    return Ok();
  });
}

sqlite3_file* SqliteConnection::File(int which) {
  sqlite3_file* file = nullptr;
  KUBASE_CHECK(sqlite3_file_control(database_.get(), nullptr, which, &file) == SQLITE_OK);
  return file;
}

void SqliteConnection::KeepLogOnClose() {
  KUBASE_CHECK(sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr) ==
               SQLITE_OK);
}

// Copies the log into the database, syncs that, and only then starts the log anew. Frames of a
// failed commit, which a recovery of the log could find whole, are gone with it. A page of the log
// that a failed fsync dropped cannot be told by reading it, so it must not be built upon.
Result<void> SqliteConnection::EmptyWal() {
  const int code = sqlite3_wal_checkpoint_v2(database_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                                             nullptr, nullptr);
  if (code != SQLITE_OK) return LastError(code);
  return Ok();
}

}  // namespace kubase::sql
