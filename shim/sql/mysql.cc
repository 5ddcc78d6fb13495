// Opening a MariaDB database, its schema, who leads it, and its size.
#include "shim/sql/mysql.h"

#include <fmt/format.h>

#include <utility>

#include "shim/base/failpoint.h"
#include "shim/sql/epoch.h"
#include "shim/sql/mysql_connection.h"
#include "shim/sql/mysql_dialect.h"
#include "shim/sql/mysql_session.h"

namespace kubase::sql {
namespace {

constexpr int64_t kUnbounded = int64_t{1} << 62;

// Those that grow.
constexpr std::string_view kTables[] = {"objects", "history",    "changes",
                                        "leases",  "attributes", "dependents"};

MysqlConnection& Of(Connection& connection) {
  return static_cast<MysqlConnection&>(connection);
}

std::vector<std::string> StatementsOf(const std::string& script) {
  std::vector<std::string> statements;
  size_t start = 0;
  while (start < script.size()) {
    const size_t end = std::min(script.find(';', start), script.size());
    statements.push_back(script.substr(start, end - start));
    start = end + 1;
  }
  return statements;
}

class MysqlDatabase final : public Database {
 public:
  explicit MysqlDatabase(const MysqlOptions& options) : shared_{.options = options} {}

  Result<std::unique_ptr<Connection>> Connect(Access) override {
    auto connection = std::make_unique<MysqlConnection>(shared_);
    KUBASE_TRY(connection->EnsureSession());
    return std::unique_ptr<Connection>(std::move(connection));
  }

  std::string engine() const override { return version_; }
  Result<void> TakeLead(Connection& connection) override {
    const int64_t epoch = NewEpoch();
    KUBASE_ASSIGN_OR_RETURN(const bool leads, Of(connection).TakeLead(epoch, {}));
    if (!leads) return Error{ErrorCode::kCorrupt, "the table meta lost its row; restore a backup"};
    shared_.epoch = epoch;
    return Ok();
  }

  bool IsRemote() const override { return true; }
  size_t key_bytes_max() const override { return kRemoteKeyBytesMax; }

  // The sizes of the files, if the user may see them (PROCESS), else what the statistics of the
  // tables say, which are renewed now and then. InnoDB reuses free space by itself.
  Result<SpaceUsage> ReadSpaceUsage(Connection& connection) override {
    auto bytes = Of(connection)
                     .ReadNumber(
                         "SELECT CAST(SUM(file_size) AS SIGNED) FROM "
                         "information_schema.innodb_sys_tablespaces "
                         "WHERE name LIKE CONCAT(DATABASE(), '/%')");
    if (!bytes.ok()) {
      bytes = Of(connection)
                  .ReadNumber(
                      "SELECT CAST(SUM(data_length + index_length) AS SIGNED) FROM "
                      "information_schema.tables "
                      "WHERE table_schema = DATABASE()");
    }
    if (!bytes.ok()) return bytes.error();
    return SpaceUsage{bytes->value_or(0), bytes->value_or(0), kUnbounded};
  }

  Result<bool> ReclaimSpaceStep(Connection&) override { return false; }

  Result<void> ReclaimSpace(Connection& connection) override {
    for (const std::string_view table : kTables) {
      KUBASE_TRY(Of(connection).RunAll({fmt::format("OPTIMIZE TABLE {}", table)}));
    }
    return Ok();
  }

  Result<std::vector<std::string>> CheckIntegrity(Connection& connection) override {
    std::vector<std::string> damages;
    for (const std::string_view table : kTables) {
      KUBASE_TRY(Of(connection).Check(std::string(table), damages));
    }
    return damages;
  }

  // Waits for the end of what was under way on the lost connection, and refuses what may still
  // come from there: the row of `meta` is locked by who writes, and has another epoch from now on.
  Result<void> Settle(Connection& connection) override {
    if (next_epoch_ == 0) next_epoch_ = NewEpoch();
    KUBASE_ASSIGN_OR_RETURN(
        const bool leads,
        Of(connection).TakeLead(next_epoch_, {shared_.epoch.load(), next_epoch_}));
    if (!leads) return kLedByAnother;
    shared_.epoch = std::exchange(next_epoch_, 0);
    return Ok();
  }

  Result<void> Prepare() {
    KUBASE_TRY(CreateDatabase());
    MysqlConnection connection(shared_);
    KUBASE_TRY(connection.EnsureSession());
    const std::string version = connection.server_version();
    version_ = (version.find("MariaDB") == version.npos ? "MySQL " : "MariaDB ") +
               version.substr(0, version.find('-'));
    KUBASE_TRY(EnsureSchema(connection));
    return Ok();
  }

 private:
  Result<void> CreateDatabase() {
    const auto direct = MysqlSession::Open(shared_.options, shared_.options.database);
    if (direct.ok()) return Ok();
    KUBASE_ASSIGN_OR_RETURN(const auto session, MysqlSession::Open(shared_.options, ""));
    session->Queue(fmt::format("CREATE DATABASE IF NOT EXISTS `{}`", shared_.options.database));
    const Result<void> created = session->Run();
    if (created.ok()) return created;
    return Error{created.error().code,
                 fmt::format("{}; let an administrator run: CREATE DATABASE `{}`",
                             created.error().message, shared_.options.database)};
  }

  Result<void> EnsureSchema(MysqlConnection& connection) {
    KUBASE_ASSIGN_OR_RETURN(int64_t version, ReadSchemaVersion(connection));
    const auto& steps = MysqlSchemaSteps();
    const auto newest = static_cast<int64_t>(steps.size());
    if (version > newest) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("the database has schema version {} and this kubase knows up to {}; "
                               "install the newer kubase that wrote it",
                               version, newest)};
    }
    for (; version < newest; ++version) {
      KUBASE_TRY(connection.RunAll(StatementsOf(steps[static_cast<size_t>(version)])));
      Reach(Failpoint::kSchemaStep);
      KUBASE_TRY(connection.RunAll(
          {fmt::format("UPDATE meta SET schema_version = {} WHERE id = 1", version + 1)}));
    }
    Reach(Failpoint::kSchemaReady);
    return Ok();
  }

  static Result<int64_t> ReadSchemaVersion(MysqlConnection& connection) {
    const auto count = [&](const char* condition) {
      return connection.ReadNumber(
          fmt::format("SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = "
                      "DATABASE() AND {}",
                      condition));
    };
    KUBASE_ASSIGN_OR_RETURN(const auto ours,
                            count("table_name = 'meta' AND column_name = 'schema_version'"));
    if (ours == 0) {
      KUBASE_ASSIGN_OR_RETURN(const auto others, count("true"));
      if (others == 0) return int64_t{0};
      return Error{ErrorCode::kInvalidArgument,
                   "the database belongs to another program (it has tables that are not kubase's); "
                   "name another database"};
    }
    KUBASE_ASSIGN_OR_RETURN(const auto version,
                            connection.ReadNumber("SELECT schema_version FROM meta WHERE id = 1"));
    return version.value_or(0);
  }

  MysqlShared shared_;
  std::string version_ = "MariaDB";
  int64_t next_epoch_ = 0;  // that may have been set, when it is not known; the writer's
};

}  // namespace

Result<std::unique_ptr<Database>> OpenMysql(const MysqlOptions& options) {
  auto database = std::make_unique<MysqlDatabase>(options);
  Result<void> ready = database->Prepare();
  if (!ready.ok()) return WithContext(std::move(ready).error(), "opening the database");
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace kubase::sql
