// Opening, locking and measuring a SQLite file; statements run in sqlite_connection.cc.
#include "shim/sql/sqlite.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <utility>

#include "shim/base/failpoint.h"
#include "shim/sql/sqlite_checkpointer.h"
#include "shim/sql/sqlite_connection.h"
#include "shim/sql/sqlite_mapped_read.h"
#include "shim/sql/sqlite_schema.h"
#include "shim/sql/sqlite_wal_vfs.h"

namespace kubase::sql {
namespace {

namespace fs = std::filesystem;

// An advisory lock on a file of its own: SQLite's own locks are POSIX locks on the database file,
// which any close() of that file by this process would drop.
class ProcessLock {
 public:
  static Result<ProcessLock> Take(const std::string& database) {
    const std::string path = database + ".lock";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
      const int cause = errno;
      return Error{cause == ENOENT ? ErrorCode::kNotFound : ErrorCode::kPermissionDenied,
                   fmt::format("cannot create {}: {}; choose a directory that exists and that this "
                               "user may write to",
                               path, std::strerror(cause))};
    }
    ProcessLock lock(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      return Error{ErrorCode::kAlreadyExists,
                   fmt::format("another kubase{} has {} open; stop it or choose another database",
                               lock.ReadOwner(), database)};
    }
    KUBASE_TRY(lock.WriteOwner(path));
    return lock;
  }

  ProcessLock(ProcessLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ProcessLock& operator=(ProcessLock&&) = delete;
  ~ProcessLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit ProcessLock(int fd) : fd_(fd) {}

  std::string ReadOwner() const {
    char text[32] = {};
    const ssize_t size = ::pread(fd_, text, sizeof(text) - 1, 0);
    if (size <= 0) return "";
    const std::string owner(text, std::strcspn(text, "\n"));
    return fmt::format(" (process {})", owner);
  }

  Result<void> WriteOwner(const std::string& path) {
    const std::string owner = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd_, 0) != 0 ||
        ::pwrite(fd_, owner.data(), owner.size(), 0) != static_cast<ssize_t>(owner.size())) {
      const int cause = errno;
      return Error{
          cause == ENOSPC ? ErrorCode::kNoSpace : ErrorCode::kPermissionDenied,
          fmt::format("cannot write {}: {}; {}", path, std::strerror(cause),
                      cause == ENOSPC ? "free some space on its disk, or choose another database"
                                      : "choose a directory that this user may write to")};
    }
    return Ok();
  }

  int fd_;
};

// The name of a table when the tables are not kubase's; empty: they are, or there is none.
Result<std::string> FindForeignTable(sqlite3* database) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(
      database,
      "SELECT min(name) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
      "ESCAPE '\\' AND NOT EXISTS (SELECT 1 FROM pragma_table_info('meta') WHERE name = "
      "'schema_version')",
      -1, &raw, nullptr);
  if (code != SQLITE_OK) return ClassifySqlite(code, sqlite3_errmsg(database));
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement(raw, sqlite3_finalize);
  if (const int stepped = sqlite3_step(raw); stepped != SQLITE_ROW) {
    return ClassifySqlite(stepped, sqlite3_errmsg(database));
  }
  const unsigned char* const name = sqlite3_column_text(raw, 0);
  return std::string(name == nullptr ? "" : reinterpret_cast<const char*>(name));
}

// Refuses the database of another program, and of a newer kubase, before anything in it is changed:
// to open it as ours would turn it to WAL mode and put our tables beside its own. A log that
// somebody has left stays as it is, too.
Result<void> CheckIsOurs(const std::string& path, const SqliteWalVfs& vfs) {
  std::error_code error;
  if (!fs::exists(path, error)) return Ok();
  const bool has_log = fs::exists(path + "-wal", error);
  KUBASE_ASSIGN_OR_RETURN(auto connection, SqliteConnection::OpenToInspect(path, vfs));
  if (has_log) connection->KeepLogOnClose();
  KUBASE_ASSIGN_OR_RETURN(const std::string foreign, FindForeignTable(connection->handle()));
  if (!foreign.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("it belongs to another program (it has a table \"{}\"); choose "
                             "another file, and kubase makes it",
                             foreign)};
  }
  KUBASE_ASSIGN_OR_RETURN(const int64_t version, connection->ReadSchemaVersion());
  const auto newest = static_cast<int64_t>(SqliteSchemaSteps().size());
  if (version <= newest) return Ok();
  return Error{ErrorCode::kUnsupported,
               fmt::format("it has schema version {} and this kubase knows up to {}; install the "
                           "newer kubase that wrote it",
                           version, newest)};
}

class SqliteDatabase final : public Database {
 public:
  SqliteDatabase(SqliteOptions options, ProcessLock lock)
      : options_(std::move(options)), lock_(std::move(lock)) {}

  using Database::Connect;
  Result<std::unique_ptr<Connection>> Connect(Access access, std::chrono::seconds) override {
    KUBASE_ASSIGN_OR_RETURN(auto connection,
                            SqliteConnection::Open(options_.path, vfs_, access, options_.observer));
    if (access == Access::kWrite) checkpointer_->Follow(*connection);
    return std::unique_ptr<Connection>(std::move(connection));
  }

  // The file is locked for this process.
  Result<LeaderRecord> ReadLeader(Connection&) override { return LeaderRecord{}; }
  Result<int64_t> TakeLead(Connection&, const LeaderRecord&, const std::string&,
                           const std::string&) override {
    return int64_t{0};
  }
  Result<void> RenewLead(Connection&) override { return Ok(); }
  Result<void> GiveUpLead(Connection&) override { return Ok(); }
  PoolLimits pool_limits() const override { return {}; }
  Result<bool> IsOtherServer(Connection&) override { return false; }
  Result<void> RememberServer(Connection&) override { return Ok(); }
  Result<std::string> ReadDurabilityRisk(Connection&) override { return std::string(); }
  bool IsRemote() const override { return false; }
  size_t key_bytes_max() const override { return std::numeric_limits<size_t>::max(); }
  std::string engine() const override { return fmt::format("SQLite {}", sqlite3_libversion()); }

  Result<SpaceUsage> ReadSpaceUsage(Connection& connection) override {
    auto& sqlite = static_cast<SqliteConnection&>(connection);
    KUBASE_ASSIGN_OR_RETURN(const int64_t pages, sqlite.ReadPragma("page_count"));
    KUBASE_ASSIGN_OR_RETURN(const int64_t free_pages, sqlite.ReadPragma("freelist_count"));
    KUBASE_ASSIGN_OR_RETURN(const int64_t page_bytes, sqlite.ReadPragma("page_size"));
    KUBASE_ASSIGN_OR_RETURN(const int64_t pages_max, sqlite.ReadPragma("max_page_count"));
    return SpaceUsage{pages * page_bytes, (pages - free_pages) * page_bytes,
                      pages_max * page_bytes};
  }

  Result<bool> ReclaimSpaceStep(Connection& connection) override {
    return static_cast<SqliteConnection&>(connection).ReclaimSpaceStep();
  }

  Result<void> ReclaimSpace(Connection& connection, Reclaim, const std::stop_token& stop) override {
    KUBASE_TRY(checkpointer_->CheckSynced());
    auto& sqlite = static_cast<SqliteConnection&>(connection);
    KUBASE_TRY(sqlite.ReclaimSpace(stop));
    KUBASE_ASSIGN_OR_RETURN(const auto synced, checkpointer_->HoldSynced());
    return sqlite.ShortenLog(stop);
  }

  Result<std::vector<std::string>> CheckIntegrity(Connection& connection) override {
    return static_cast<SqliteConnection&>(connection).CheckIntegrity();
  }

  Result<void> Settle(Connection& connection) override {
    KUBASE_ASSIGN_OR_RETURN(const auto synced, checkpointer_->HoldSynced());
    return static_cast<SqliteConnection&>(connection).EmptyWal();
  }

  // After EnsureSchema and before the first Connect.
  Result<void> StartCheckpointer() {
    KUBASE_ASSIGN_OR_RETURN(checkpointer_,
                            SqliteCheckpointer::Start(options_.path, vfs_, options_.observer));
    return Ok();
  }

  // Creates or migrates the schema, each step in a transaction of its own.
  Result<void> EnsureSchema() {
    KUBASE_TRY(CheckIsOurs(options_.path, vfs_));
    // Not observed: what fails here is told once, by who opens the database.
    KUBASE_ASSIGN_OR_RETURN(auto connection,
                            SqliteConnection::Open(options_.path, vfs_, Access::kWrite, nullptr));
    KUBASE_ASSIGN_OR_RETURN(int64_t version, connection->ReadSchemaVersion());
    const auto& steps = SqliteSchemaSteps();
    for (; version < static_cast<int64_t>(steps.size()); ++version) {
      KUBASE_TRY(connection->RunSchemaStep(steps[version], version + 1));
      Reach(Failpoint::kSchemaStep);
    }
    Reach(Failpoint::kSchemaReady);
    // What an earlier process left may be in the page cache alone, if its last fsync failed.
    return connection->EmptyWal();
  }

 private:
  const SqliteOptions options_;
  const ProcessLock lock_;
  const SqliteWalVfs vfs_;
  std::unique_ptr<SqliteCheckpointer> checkpointer_;
};

}  // namespace

Result<std::unique_ptr<Database>> OpenSqlite(const SqliteOptions& options) {
  std::error_code ignored;
  if (fs::is_directory(options.path, ignored)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is a directory; name a database file in it", options.path)};
  }
  MappedRead::InstallHandler();
  KUBASE_ASSIGN_OR_RETURN(ProcessLock lock, ProcessLock::Take(options.path));
  auto database = std::make_unique<SqliteDatabase>(options, std::move(lock));
  Result<void> ready = database->EnsureSchema();
  if (ready.ok()) ready = database->StartCheckpointer();
  if (!ready.ok()) {
    return WithContext(std::move(ready).error(), "opening the database " + options.path);
  }
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace kubase::sql
