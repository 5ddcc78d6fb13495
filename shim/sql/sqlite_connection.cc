// Running prepared statements on one SQLite connection, and telling its errors apart.
#include "shim/sql/sqlite_connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "shim/sql/match_statement.h"
#include "shim/sql/observed.h"
#include "shim/sql/sqlite_wal_vfs.h"
#include "shim/sql/statements.h"

namespace kubase::sql {
namespace {

// Only our own process opens the file, so waiting happens only behind a checkpoint or a schema
// step.
constexpr int kBusyTimeoutMs = 10'000;
// The most that SQLite maps (SQLITE_MAX_MMAP_SIZE); it reads the rest of a larger file.
constexpr int64_t kMappedBytesMax = 0x7fff0000;

class SqliteRow final : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool IsNull(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  int64_t Int(int column) const override { return sqlite3_column_int64(statement_, column); }
  std::string_view Bytes(int column) const override {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    return {data == nullptr ? "" : data,
            static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* const statement_;
};

}  // namespace

Error ClassifySqlite(int code, const std::string& message) {
  const auto error = [&](ErrorCode kind, const char* fix) {
    return Error{kind, fmt::format("SQLite: {} (code {}){}", message, code, fix)};
  };
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT:
    case SQLITE_SCHEMA:
      return error(ErrorCode::kUnavailable, "");
    case SQLITE_FULL:
      return error(ErrorCode::kNoSpace, "; free space on the disk that holds the database");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return error(ErrorCode::kCorrupt,
                   "; the file is not a database or is damaged: restore a backup, or move it away "
                   "to start with an empty one");
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return error(ErrorCode::kPermissionDenied,
                   "; see that this user may read and write the file and its directory");
    default:
      return error(ErrorCode::kInternal, "");
  }
}

void SqliteConnection::CloseStatement::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void SqliteConnection::CloseDatabase::operator()(sqlite3* database) const {
  sqlite3_close(database);
}

SqliteConnection::SqliteConnection(std::string path, const SqliteWalVfs& vfs, Access access,
                                   StatementObserver* observer)
    : path_(std::move(path)), vfs_(vfs), access_(access), observer_(observer) {}

SqliteConnection::~SqliteConnection() = default;

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const std::string& path,
                                                                 const SqliteWalVfs& vfs,
                                                                 Access access,
                                                                 StatementObserver* observer) {
  auto connection =
      std::unique_ptr<SqliteConnection>(new SqliteConnection(path, vfs, access, observer));
  KUBASE_TRY(connection->OpenDatabase(access == Access::kRead));
  return connection;
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::OpenToInspect(const std::string& path,
                                                                          const SqliteWalVfs& vfs) {
  auto connection =
      std::unique_ptr<SqliteConnection>(new SqliteConnection(path, vfs, Access::kRead, nullptr));
  KUBASE_TRY(connection->OpenDatabase(false));
  return connection;
}

Result<void> SqliteConnection::OpenDatabase(bool mapped) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE |
                    (access_ == Access::kWrite ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(path_.c_str(), &raw, flags, vfs_.name());
  database_.reset(raw);
  if (code != SQLITE_OK) return ClassifySqlite(code, sqlite3_errstr(code));
  KUBASE_TRY(Configure(mapped));
  mapping_ = mapped ? FindMapping(File(SQLITE_FCNTL_FILE_POINTER)) : MappedFile{};
  return Ok();
}

Result<void> SqliteConnection::Configure(bool mapped) {
  sqlite3_busy_timeout(database_.get(), kBusyTimeoutMs);
  if (access_ == Access::kRead) {
    return RunScript(
        fmt::format("PRAGMA query_only = ON; PRAGMA cache_size = -2000; PRAGMA mmap_size = {};",
                    mapped ? kMappedBytesMax : 0));
  }
  // auto_vacuum only takes effect on a database without tables; on others it is what it was.
  return RunScript(
      "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
      "PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF; "
      "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;");
}

template <typename Work>
Result<void> SqliteConnection::Reading(const Work& work) {
  if (mapping_failed_) KUBASE_TRY(LeaveMapping());
  if (sqlite3_get_autocommit(database_.get()) != 0) MapWhatHasGrown();
  const MappedRead read(mapping_);
  Result<void> result = work();
  if (!read.failed()) return result;
  mapping_failed_ = true;
  return Error{ErrorCode::kInternal,
               fmt::format("SQLite: {} could not be read; see what the system's log says of its "
                           "disk",
                           path_)};
}

Result<void> SqliteConnection::LeaveMapping() {
  if (sqlite3_get_autocommit(database_.get()) == 0) {
    return Error{ErrorCode::kInternal, "SQLite: an earlier read of this transaction failed"};
  }
  for (Statement& statement : prepared_) statement.reset();
  matching_.clear();
  for (Statement* control : {&begin_read_, &begin_write_, &commit_, &rollback_}) control->reset();
  KUBASE_TRY(OpenDatabase(false));
  mapping_failed_ = false;
  return Ok();
}

// SQLite maps the file anew when somebody has committed, but not when a checkpoint lets it grow
// afterwards; what is beyond the mapping costs a call and a copy for each page.
void SqliteConnection::MapWhatHasGrown() {
  if (mapping_.inode == 0) return;
  sqlite3_file* const file = File(SQLITE_FCNTL_FILE_POINTER);
  sqlite3_int64 bytes = 0;
  if (file->pMethods->xFileSize(file, &bytes) != SQLITE_OK) return;
  bytes = std::min<int64_t>(bytes, kMappedBytesMax);
  if (bytes <= mapped_bytes_) return;
  mapped_bytes_ = bytes;
  file->pMethods->xUnfetch(file, 0, nullptr);  // the next page that is read maps it all
}

Result<void> SqliteConnection::RunScript(const std::string& script) {
  const int code = sqlite3_exec(database_.get(), script.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return LastError(code);
  return Ok();
}

Error SqliteConnection::LastError() const {
  return LastError(sqlite3_extended_errcode(database_.get()));
}

Error SqliteConnection::LastError(int code) const {
  return ClassifySqlite(code, sqlite3_errmsg(database_.get()));
}

Result<SqliteConnection::Statement> SqliteConnection::Prepare(std::string_view text) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), text.data(), static_cast<int>(text.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return LastError(code);
  return Statement(raw);
}

Result<sqlite3_stmt*> SqliteConnection::Prepared(Query query) {
  Statement& statement = prepared_[static_cast<size_t>(query)];
  if (statement == nullptr) {
    KUBASE_ASSIGN_OR_RETURN(statement, Prepare(StatementText(query)));
  }
  return statement.get();
}

Result<sqlite3_stmt*> SqliteConnection::Prepared(const MatchShape& shape) {
  if (const auto found = matching_.find(shape); found != matching_.end()) {
    return found->second.get();
  }
  KUBASE_ASSIGN_OR_RETURN(Statement statement, Prepare(MatchText(shape, kSqliteMatchStyle)));
  if (matching_.size() >= kPreparedMatchesMax) matching_.clear();
  return matching_.emplace(shape, std::move(statement)).first->second.get();
}

Result<void> SqliteConnection::Bind(sqlite3_stmt* statement, Params params) {
  for (size_t i = 0; i < params.size(); ++i) {
    const int index = static_cast<int>(i) + 1;
    const Value& value = params[i];
    const int code = value.is_bytes()
                         ? sqlite3_bind_blob64(statement, index,
                                               value.bytes().empty() ? "" : value.bytes().data(),
                                               value.bytes().size(), SQLITE_STATIC)
                         : sqlite3_bind_int64(statement, index, value.number());
    if (code != SQLITE_OK) return LastError(code);
  }
  return Ok();
}

Result<void> SqliteConnection::RunToEnd(sqlite3_stmt* statement) {
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) code = sqlite3_step(statement);
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement);
    return Ok();
  }
  Error error = LastError(code);
  sqlite3_reset(statement);
  return error;
}

Result<void> SqliteConnection::RunSelect(sqlite3_stmt* statement, Params params,
                                         const RowSink& sink, StatementRun& run) {
  KUBASE_TRY(Bind(statement, params));
  const SqliteRow row(statement);
  int code = sqlite3_step(statement);
  while (code == SQLITE_ROW) {
    ++run.rows;
    if (!sink(row)) break;
    code = sqlite3_step(statement);
  }
  constexpr int kAndForget = 1;
  run.steps = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, kAndForget);
  if (code == SQLITE_DONE || code == SQLITE_ROW) {
    sqlite3_reset(statement);
    return Ok();
  }
  Error error = LastError(code);
  sqlite3_reset(statement);
  return error;
}

Result<void> SqliteConnection::Select(Query query, Params params, const RowSink& sink) {
  return Observed(observer_, QueryName(query), [&](StatementRun& run) {
    return Reading([&]() -> Result<void> {
      KUBASE_ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepared(query));
      return RunSelect(statement, params, sink, run);
    });
  });
}

Result<void> SqliteConnection::SelectMany(Query query, Params params, size_t columns,
                                          const RowSink& sink) {
  for (size_t first = 0; first < params.size(); first += columns) {
    KUBASE_TRY(Select(query, params.subspan(first, columns), sink));
  }
  return Ok();
}

Result<void> SqliteConnection::SelectMatching(const MatchShape& shape, Params params,
                                              const RowSink& sink) {
  return Observed(observer_, "match", [&](StatementRun& run) {
    return Reading([&]() -> Result<void> {
      KUBASE_ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepared(shape));
      return RunSelect(statement, params, sink, run);
    });
  });
}

Result<int64_t> SqliteConnection::ReadPragma(const std::string& name) {
  int64_t value = 0;
  KUBASE_TRY(Reading([&]() -> Result<void> {
    KUBASE_ASSIGN_OR_RETURN(const Statement statement, Prepare("PRAGMA " + name));
    if (sqlite3_step(statement.get()) != SQLITE_ROW) return LastError();
    value = sqlite3_column_int64(statement.get(), 0);
    return Ok();
  }));
  return value;
}

Result<int64_t> SqliteConnection::Execute(Query query, Params params) {
  return Observed(observer_, QueryName(query), [&](StatementRun&) -> Result<int64_t> {
    KUBASE_ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepared(query));
    KUBASE_TRY(Bind(statement, params));
    KUBASE_TRY(RunToEnd(statement));
    return static_cast<int64_t>(sqlite3_changes64(database_.get()));
  });
}

Result<void> SqliteConnection::ExecuteMany(Query query, Params params, size_t columns) {
  return Observed(observer_, QueryName(query), [&](StatementRun&) -> Result<void> {
    KUBASE_ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepared(query));
    for (size_t first = 0; first < params.size(); first += columns) {
      KUBASE_TRY(Bind(statement, params.subspan(first, columns)));
      KUBASE_TRY(RunToEnd(statement));
    }
    return Ok();
  });
}

Result<void> SqliteConnection::RunControl(Statement& cache, const char* text) {
  if (cache == nullptr) {
    KUBASE_ASSIGN_OR_RETURN(cache, Prepare(text));
  }
  return RunToEnd(cache.get());
}

Result<void> SqliteConnection::Begin(Access access) {
  if (mapping_failed_) KUBASE_TRY(LeaveMapping());
  if (access == Access::kWrite) return RunControl(begin_write_, "BEGIN IMMEDIATE");
  MapWhatHasGrown();
  return RunControl(begin_read_, "BEGIN");
}

Result<void> SqliteConnection::Commit() {
  return Observed(observer_, "commit", [&](StatementRun&) -> Result<void> {
    Result<void> result = RunControl(commit_, "COMMIT");
    // An input/output error may come after the frames were written: only the file knows.
    if (!result.ok() && result.error().code == ErrorCode::kInternal) {
      return Error{ErrorCode::kOutcomeUnknown, result.error().message};
    }
    return result;
  });
}

void SqliteConnection::Rollback() {
  // SQLite rolls back by itself after some errors; then there is nothing left to do.
  if (sqlite3_get_autocommit(database_.get()) != 0) return;
  const Result<void> rolled_back = RunControl(rollback_, "ROLLBACK");
  KUBASE_CHECK(rolled_back.ok() || sqlite3_get_autocommit(database_.get()) != 0);
}

}  // namespace kubase::sql
