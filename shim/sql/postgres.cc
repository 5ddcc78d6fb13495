// Opening a PostgreSQL database, its schema, who leads it, and its size.
#include "shim/sql/postgres.h"

#include <fmt/format.h>

#include <utility>

#include "shim/base/failpoint.h"
#include "shim/sql/epoch.h"
#include "shim/sql/postgres_connection.h"
#include "shim/sql/postgres_dialect.h"
#include "shim/sql/postgres_session.h"

namespace kubase::sql {
namespace {

constexpr int kOldestServer = 140000;  // client_connection_check_interval
constexpr int64_t kUnbounded = int64_t{1} << 62;

// Those that grow.
constexpr std::string_view kTables[] = {"objects", "history",    "changes",
                                        "leases",  "attributes", "dependents"};

// As a literal ('\'') or a name ('"') of SQL.
std::string Quoted(const std::string& text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) quoted.append(c == quote ? 2 : 1, c);
  return quoted + quote;
}

class PostgresDatabase final : public Database {
 public:
  explicit PostgresDatabase(const PostgresOptions& options) : shared_{.options = options} {}

  Result<std::unique_ptr<Connection>> Connect(Access) override {
    auto connection = std::make_unique<PostgresConnection>(shared_);
    KUBASE_TRY(connection->EnsureSession());
    return std::unique_ptr<Connection>(std::move(connection));
  }

  Result<void> TakeLead(Connection& connection) override {
    const int64_t epoch = NewEpoch();
    KUBASE_ASSIGN_OR_RETURN(const bool leads,
                            static_cast<PostgresConnection&>(connection).TakeLead(epoch, {}));
    if (!leads) return Error{ErrorCode::kCorrupt, "the table meta lost its row; restore a backup"};
    shared_.epoch = epoch;
    return Ok();
  }

  bool IsRemote() const override { return true; }
  size_t key_bytes_max() const override { return kRemoteKeyBytesMax; }
  std::string engine() const override {
    return fmt::format("PostgreSQL {}.{}", version_ / 10000, version_ % 10000);
  }

  // PostgreSQL reuses free space by itself, and does not say how much of it there is.
  Result<SpaceUsage> ReadSpaceUsage(Connection& connection) override {
    KUBASE_ASSIGN_OR_RETURN(const auto bytes,
                            static_cast<PostgresConnection&>(connection)
                                .ReadNumber("SELECT sum(pg_total_relation_size(oid))::bigint FROM "
                                            "pg_class WHERE relkind = 'r' AND "
                                            "relnamespace = current_schema()::regnamespace"));
    return SpaceUsage{bytes.value_or(0), bytes.value_or(0), kUnbounded};
  }

  Result<bool> ReclaimSpaceStep(Connection&) override { return false; }

  Result<void> ReclaimSpace(Connection& connection) override {
    for (const std::string_view table : kTables) {
      KUBASE_TRY(
          static_cast<PostgresConnection&>(connection).Run(fmt::format("VACUUM FULL {}", table)));
    }
    return Ok();
  }

  // Where the server keeps checksums of its pages, it compares them while it reads.
  Result<std::vector<std::string>> CheckIntegrity(Connection& connection) override {
    std::vector<std::string> damages;
    for (const std::string_view table : kTables) {
      const auto read = static_cast<PostgresConnection&>(connection)
                            .ReadNumber(fmt::format("SELECT count(t::text) FROM {} t", table));
      if (read.ok()) continue;
      if (read.error().code != ErrorCode::kCorrupt) return read.error();
      damages.push_back(fmt::format("the table {}: {}", table, read.error().message));
    }
    return damages;
  }

  // Waits for the end of what was under way on the lost connection, and refuses what may still
  // come from there: the row of `meta` is locked by who writes, and has another epoch from now on.
  Result<void> Settle(Connection& connection) override {
    if (next_epoch_ == 0) next_epoch_ = NewEpoch();
    KUBASE_ASSIGN_OR_RETURN(const bool leads,
                            static_cast<PostgresConnection&>(connection)
                                .TakeLead(next_epoch_, {shared_.epoch.load(), next_epoch_}));
    if (!leads) return kLedByAnother;
    shared_.epoch = std::exchange(next_epoch_, 0);
    return Ok();
  }

  Result<void> Prepare() {
    PostgresConnection connection(shared_);
    KUBASE_TRY(ConnectOrCreate(connection));
    version_ = connection.server_version();
    if (version_ < kOldestServer) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{} is too old; kubase needs PostgreSQL 14 or newer", engine())};
    }
    KUBASE_TRY(EnsureSchema(connection));
    return Ok();
  }

 private:
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
    if (created.ok()) return connection.EnsureSession();
    return Error{ErrorCode::kNotFound,
                 fmt::format("there is no database {0}, and {1}; let an administrator run: CREATE "
                             "DATABASE {0} OWNER {2}",
                             name, created.error().message, Quoted(names.user, '"'))};
  }

  // Each step in a transaction of its own. Two that do so at once: one of them fails, and is told.
  Result<void> EnsureSchema(PostgresConnection& connection) {
    KUBASE_ASSIGN_OR_RETURN(int64_t version, ReadSchemaVersion(connection));
    const auto& steps = PostgresSchemaSteps();
    const auto newest = static_cast<int64_t>(steps.size());
    if (version > newest) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("the database has schema version {} and this kubase knows up to {}; "
                               "install the newer kubase that wrote it",
                               version, newest)};
    }
    for (; version < newest; ++version) {
      KUBASE_TRY(connection.RunScript(
          fmt::format("{}; UPDATE meta SET schema_version = {}", steps[version], version + 1)));
      Reach(Failpoint::kSchemaStep);
    }
    Reach(Failpoint::kSchemaReady);
    return Ok();
  }

  static Result<int64_t> ReadSchemaVersion(PostgresConnection& connection) {
    KUBASE_ASSIGN_OR_RETURN(
        const auto ours,
        connection.ReadNumber("SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('meta') AND "
                              "attname = 'schema_version'"));
    if (!ours) {
      KUBASE_ASSIGN_OR_RETURN(
          const auto others,
          connection.ReadNumber("SELECT 1 FROM pg_class WHERE relnamespace = "
                                "current_schema()::regnamespace AND relkind = 'r' LIMIT 1"));
      if (!others) return int64_t{0};
      return Error{ErrorCode::kInvalidArgument,
                   "the database belongs to another program (it has tables that are not kubase's); "
                   "name another database"};
    }
    KUBASE_ASSIGN_OR_RETURN(const auto version,
                            connection.ReadNumber("SELECT schema_version FROM meta WHERE id = 1"));
    return version.value_or(0);
  }

  PostgresShared shared_;
  int version_ = 0;
  int64_t next_epoch_ = 0;  // that may have been set, when it is not known; the writer's
};

}  // namespace

Result<std::unique_ptr<Database>> OpenPostgres(const PostgresOptions& options) {
  auto database = std::make_unique<PostgresDatabase>(options);
  Result<void> ready = database->Prepare();
  if (!ready.ok()) return WithContext(std::move(ready).error(), "opening the database");
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace kubase::sql
