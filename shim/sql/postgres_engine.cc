// PostgreSQL, YugabyteDB, which is PostgreSQL over another storage, and CockroachDB, which is
// neither.
#include "shim/sql/postgres_engine.h"

#include <fmt/format.h>

#include "shim/sql/remote_database.h"

namespace kubase::sql {
namespace {

constexpr int kOldestServer = 140000;  // client_connection_check_interval

// Plans do not depend on statistics, which may be older than the tables: every statement is made
// for an index, and is planned once. A server whose client has gone gives up by itself.
constexpr std::string_view kPostgresSettings =
    "SET client_min_messages = warning; SET enable_seqscan = off; SET enable_bitmapscan = off; "
    "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_sort = off; "
    "SET plan_cache_mode = force_generic_plan; SET jit = off; SET synchronous_commit = on; "
    "SET default_transaction_isolation = 'read committed'; "
    "SET idle_in_transaction_session_timeout = '10min'; "
    "SET client_connection_check_interval = '5s'";
// It has no such switches, and one isolation that all of its versions have.
constexpr std::string_view kCockroachSettings =
    "SET client_min_messages = warning; SET default_transaction_isolation = 'serializable'; "
    "SET idle_in_transaction_session_timeout = '10min'";

// A standby that is promoted begins a new timeline; the names of the files of the log start with
// it.
constexpr std::string_view kTimeline =
    "('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint";

// Its indexes spread keys by hashes unless it is told to keep their order, without which there are
// no ranges.
constexpr std::string_view kYugabyteBeforeSchema = "SET yb_use_hash_splitting_by_default = off; ";

constexpr std::string_view kDurability =
    "SELECT CASE current_setting('fsync') WHEN 'on' THEN '' ELSE 'fsync = off' END";

constexpr std::string_view kSize =
    "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relkind = 'r' AND "
    "relnamespace = current_schema()::regnamespace";
constexpr std::string_view kCockroachSize =
    "SELECT sum(range_size)::bigint FROM [SHOW RANGES FROM CURRENT_CATALOG WITH DETAILS]";

}  // namespace

PostgresEngine EngineOf(const PostgresGreeting& greeting) {
  if (!greeting.cockroach.empty()) {
    const size_t details = greeting.cockroach.find(" (");
    return {.name = greeting.cockroach.substr(0, details),
            .settings = kCockroachSettings,
            .server = kOneServer,
            .size = kCockroachSize};
  }
  const bool is_supported = greeting.number >= kOldestServer;
  if (greeting.version.find("-YB-") != greeting.version.npos) {
    return {.name = "YugabyteDB " + greeting.version,
            .is_supported = is_supported,
            .oldest = "YugabyteDB 2025.1",
            .settings = kPostgresSettings,
            .before_schema = kYugabyteBeforeSchema,
            .server = kOneServer,
            .size = kSize};
  }
  return {.name = fmt::format("PostgreSQL {}.{}", greeting.number / 10000, greeting.number % 10000),
          .is_supported = is_supported,
          .oldest = "PostgreSQL 14",
          .settings = kPostgresSettings,
          .server = kTimeline,
          .durability = kDurability,
          .size = kSize,
          .reclaim = "VACUUM",
          .shrink = "VACUUM FULL"};
}

}  // namespace kubase::sql
