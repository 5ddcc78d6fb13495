// Opening a MariaDB database, its schema, who leads it, and its size.
#include "shim/sql/mysql.h"

#include <fmt/format.h>

#include <utility>

#include "shim/sql/endpoint_file.h"
#include "shim/sql/mysql_connection.h"
#include "shim/sql/mysql_dialect.h"
#include "shim/sql/mysql_engine.h"
#include "shim/sql/mysql_session.h"
#include "shim/sql/remote_database.h"

namespace kubase::sql {
namespace {

MysqlConnection& Of(Connection& connection) {
  return static_cast<MysqlConnection&>(connection);
}

class MysqlDatabase final : public RemoteDatabase {
 public:
  explicit MysqlDatabase(const MysqlOptions& options)
      : RemoteDatabase(shared_.fence), shared_{.options = options} {}

  using RemoteDatabase::Connect;
  Result<std::unique_ptr<Connection>> Connect(Access, std::chrono::seconds patience) override {
    auto connection = std::make_unique<MysqlConnection>(shared_, patience);
    KUBASE_TRY(connection->EnsureSession());
    return std::unique_ptr<Connection>(std::move(connection));
  }

  PoolLimits pool_limits() const override { return shared_.options.pool; }
  std::string engine() const override { return engine_.name; }

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
    return SpaceUsage{bytes->value_or(0), bytes->value_or(0), kUnboundedBytes};
  }

  Result<void> ReclaimSpace(Connection& connection, Reclaim, const std::stop_token& stop) override {
    if (engine_.reclaim.empty()) return Ok();
    MysqlConnection patient = InsteadOf(connection);
    return RunOnTables(patient, engine_.reclaim, stop);
  }

  Result<std::vector<std::string>> CheckIntegrity(Connection& connection) override {
    std::vector<std::string> damages;
    MysqlConnection patient = InsteadOf(connection);
    for (const std::string_view table : kGrowingTables) {
      KUBASE_TRY(patient.Check(engine_.check, table, damages));
    }
    return damages;
  }

  Result<void> Prepare() {
    KUBASE_TRY(CheckEndpointFiles({{"ca_file", shared_.options.ca_file},
                                   {"cert_file", shared_.options.cert_file},
                                   {"key_file", shared_.options.key_file}}));
    KUBASE_TRY(CreateDatabase());
    MysqlConnection connection(shared_);
    KUBASE_TRY(connection.EnsureSession());
    engine_ = MysqlEngineOf(connection.server_version());
    IdentifyServerBy(std::string(engine_.server));
    AskDurabilityBy(std::string(engine_.durability));
    const auto count = [](const char* condition) {
      return fmt::format(
          "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = "
          "DATABASE() AND {}",
          condition);
    };
    return WithGrant(EnsureSchema(
        connection, {.find_ours = count("table_name = 'meta' AND column_name = 'schema_version'"),
                     .find_any = count("true"),
                     .newest = static_cast<int64_t>(MysqlSchemaSteps().size()),
                     .run = [&](int64_t version) -> Result<void> {
                       KUBASE_TRY(connection.RunAll(
                           StatementsOf(MysqlSchemaSteps()[static_cast<size_t>(version)])));
                       return connection.Run(fmt::format(
                           "UPDATE meta SET schema_version = {} WHERE id = 1", version + 1));
                     }}));
  }

 private:
  // One that is patient, while the other is of no use and takes no place on the server.
  MysqlConnection InsteadOf(Connection& connection) {
    connection.Disconnect();
    return MysqlConnection(shared_, kMaintenancePatience);
  }

  Result<void> CreateDatabase() {
    const auto direct = MysqlSession::Open(shared_.options, shared_.options.database, shared_.host);
    if (direct.ok()) return Ok();
    KUBASE_ASSIGN_OR_RETURN(const auto session,
                            MysqlSession::Open(shared_.options, "", shared_.host));
    session->Queue(fmt::format("CREATE DATABASE IF NOT EXISTS `{}`", shared_.options.database));
    const Result<void> created = session->Run();
    if (created.ok()) return created;
    return Error{created.error().code,
                 fmt::format("{}; let an administrator run: CREATE DATABASE IF NOT EXISTS `{}`; {}",
                             created.error().message, shared_.options.database, Grant(*session))};
  }

  // What gives the rights that kubase needs.
  std::string Grant(MysqlSession& session) const {
    std::string account = shared_.options.user;
    const RowSink sink = [&](const Row& row) {
      account = row.Bytes(0);
      return false;
    };
    session.Queue("SELECT CURRENT_USER()", {.rows = &sink});
    // Without an answer it is the name that the endpoint has.
    (void)session.Run();
    const size_t at = account.rfind('@');
    const std::string host = at == account.npos ? "%" : account.substr(at + 1);
    return fmt::format("GRANT ALL ON `{}`.* TO {}@{}", shared_.options.database,
                       Quoted(account.substr(0, at), '\''), Quoted(host, '\''));
  }

  // The user has come so far as to the database.
  Result<void> WithGrant(Result<void> result) {
    if (result.ok() || result.error().code != ErrorCode::kPermissionDenied) return result;
    const auto session =
        MysqlSession::Open(shared_.options, shared_.options.database, shared_.host);
    if (!session.ok()) return result;
    return Error{result.error().code, fmt::format("{}; let an administrator run: {}",
                                                  result.error().message, Grant(**session))};
  }

  MysqlShared shared_;
  MysqlEngine engine_;
};

}  // namespace

Result<std::unique_ptr<Database>> OpenMysql(const MysqlOptions& options) {
  auto database = std::make_unique<MysqlDatabase>(options);
  Result<void> ready = database->Prepare();
  if (!ready.ok()) return WithContext(std::move(ready).error(), "opening the database");
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace kubase::sql
