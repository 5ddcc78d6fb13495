// Opening a PostgreSQL database, its schema, who leads it, and its size.
#include "shim/sql/postgres.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <utility>

#include "shim/sql/postgres_connection.h"
#include "shim/sql/postgres_dialect.h"
#include "shim/sql/postgres_session.h"
#include "shim/sql/remote_database.h"

namespace kubase::sql {
namespace {

// With a standby that has to hear of a new database.
constexpr std::chrono::seconds kStandbyPatience{10};
constexpr std::chrono::milliseconds kStandbyPause{50};

class PostgresDatabase final : public RemoteDatabase {
 public:
  explicit PostgresDatabase(const PostgresOptions& options)
      : RemoteDatabase(shared_.fence), shared_{.options = options} {}

  using RemoteDatabase::Connect;
  Result<std::unique_ptr<Connection>> Connect(Access, std::chrono::seconds patience) override {
    auto connection = std::make_unique<PostgresConnection>(shared_, patience);
    KUBASE_TRY(connection->EnsureSession());
    return std::unique_ptr<Connection>(std::move(connection));
  }

  PoolLimits pool_limits() const override { return shared_.options.pool; }
  std::string engine() const override { return engine_.name; }

  // PostgreSQL reuses free space by itself, and does not say how much of it there is.
  Result<SpaceUsage> ReadSpaceUsage(Connection& connection) override {
    KUBASE_ASSIGN_OR_RETURN(
        const auto bytes,
        static_cast<PostgresConnection&>(connection).ReadNumber(std::string(engine_.size)));
    return SpaceUsage{bytes.value_or(0), bytes.value_or(0), kUnboundedBytes};
  }

  Result<void> ReclaimSpace(Connection& connection, Reclaim aim,
                            const std::stop_token& stop) override {
    const std::string_view command = aim == Reclaim::kSmaller ? engine_.shrink : engine_.reclaim;
    if (command.empty()) return Ok();
    PostgresConnection patient = InsteadOf(connection);
    return RunOnTables(patient, command, stop);
  }

  // Where the server keeps checksums of its pages, it compares them while it reads.
  Result<std::vector<std::string>> CheckIntegrity(Connection& connection) override {
    std::vector<std::string> damages;
    PostgresConnection patient = InsteadOf(connection);
    for (const std::string_view table : kGrowingTables) {
      const auto read = patient.ReadNumber(fmt::format("SELECT count(t::text) FROM {} t", table));
      if (read.ok()) continue;
      if (read.error().code != ErrorCode::kCorrupt) return read.error();
      damages.push_back(fmt::format("the table {}: {}", table, read.error().message));
    }
    return damages;
  }

  Result<void> Prepare() {
    KUBASE_TRY(CheckEndpointFiles(NamesIn(shared_.options.connection).files));
    PostgresConnection connection(shared_);
    KUBASE_TRY(ConnectOrCreate(connection));
    engine_ = connection.engine();
    if (!engine_.is_supported) {
      return Error{ErrorCode::kUnsupported, fmt::format("{} is too old; kubase needs {} or newer",
                                                        engine_.name, engine_.oldest)};
    }
    IdentifyServerBy(std::string(engine_.server));
    AskDurabilityBy(std::string(engine_.durability));
    // Each step in a transaction of its own. Two that do so at once: one of them fails.
    return WithGrant(EnsureSchema(
        connection,
        {.find_ours = "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('meta') AND attname "
                      "= 'schema_version'",
         .find_any = "SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
                     "AND relkind = 'r' LIMIT 1",
         .newest = static_cast<int64_t>(PostgresSchemaSteps().size()),
         .run = [&](int64_t version) {
           return connection.RunScript(
               fmt::format("{}{}; UPDATE meta SET schema_version = {}", engine_.before_schema,
                           PostgresSchemaSteps()[static_cast<size_t>(version)], version + 1));
         }}));
  }

 private:
  // One that is patient, while the other is of no use and takes no place on the server.
  PostgresConnection InsteadOf(Connection& connection) {
    connection.Disconnect();
    return PostgresConnection(shared_, kMaintenancePatience);
  }

  // Since PostgreSQL 15 nobody but its owner makes tables in the schema "public".
  Result<void> WithGrant(Result<void> result) const {
    if (result.ok() || result.error().code != ErrorCode::kPermissionDenied) return result;
    const auto session = PostgresSession::Open(shared_.options);
    if (!session.ok()) return result;
    std::string names;
    const RowSink sink = [&](const Row& row) {
      if (row.IsNull(0)) return false;  // none of those that it looks in is there
      names = fmt::format("{} TO {}", Quoted(std::string(row.Bytes(0)), '"'),
                          Quoted(std::string(row.Bytes(1)), '"'));
      return false;
    };
    (*session)->QueueCommand("SELECT current_schema(), current_user", {.rows = &sink});
    if (!(*session)->Run(shared_.options.statement_timeout).ok() || names.empty()) return result;
    return Error{result.error().code,
                 fmt::format("{}; let an administrator run: GRANT CREATE ON SCHEMA {}",
                             result.error().message, names)};
  }

  Result<void> ConnectOrCreate(PostgresConnection& connection) {
    Result<void> connected = connection.EnsureSession();
    if (connected.ok()) return connected;
    const PostgresNames names = NamesIn(shared_.options.connection);
    auto admin = PostgresSession::Open(shared_.options, "postgres");
    if (!admin.ok() || names.database.empty()) return connected;
    const std::string name = Quoted(names.database, '"');
    bool exists = false;
    const RowSink sink = [&](const Row&) { return exists = true; };
    (*admin)->QueueCommand(
        fmt::format("SELECT 1 FROM pg_database WHERE datname = {}", Quoted(names.database, '\''))
            .c_str(),
        {.rows = &sink});
    KUBASE_TRY((*admin)->Run(shared_.options.statement_timeout));
    if (exists) return connected;
    (*admin)->QueueCommand(("CREATE DATABASE " + name).c_str());
    const Result<void> created = (*admin)->Run(shared_.options.statement_timeout);
    if (created.ok()) return ConnectToNew(connection);
    return Error{ErrorCode::kNotFound,
                 fmt::format("there is no database {0}, and {1}; let an administrator run: CREATE "
                             "DATABASE {0} OWNER {2}",
                             name, created.error().message, Quoted(names.user, '"'))};
  }

  // libpq asks one host after the other, and goes by what a standby says that has not heard yet.
  static Result<void> ConnectToNew(PostgresConnection& connection) {
    const auto deadline = std::chrono::steady_clock::now() + kStandbyPatience;
    Result<void> connected = connection.EnsureSession();
    while (!connected.ok() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(kStandbyPause);
      connected = connection.EnsureSession();
    }
    return connected;
  }

  PostgresShared shared_;
  PostgresEngine engine_;
};

}  // namespace

Result<std::unique_ptr<Database>> OpenPostgres(const PostgresOptions& options) {
  auto database = std::make_unique<PostgresDatabase>(options);
  Result<void> ready = database->Prepare();
  if (!ready.ok()) return WithContext(std::move(ready).error(), "opening the database");
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace kubase::sql
