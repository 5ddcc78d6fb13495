// What the engines are told that speak the protocol of another, by what they say of themselves.
#include <catch2/catch.hpp>
#include <string>

#include "shim/sql/mysql_engine.h"
#include "shim/sql/postgres_engine.h"

namespace kubase::sql {
namespace {

bool Has(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

TEST_CASE("EngineOf: PostgreSQL is told which plans to make, and is known by its timeline") {
  const PostgresEngine engine =
      EngineOf({.number = 150018, .version = "15.18 (Debian 15.18-0+deb12u1)"});
  CHECK(engine.name == "PostgreSQL 15.18");
  CHECK(engine.is_supported);
  CHECK(Has(engine.settings, "SET enable_seqscan = off"));
  CHECK(Has(engine.server, "pg_walfile_name"));
  CHECK(engine.before_schema.empty());
  CHECK(engine.reclaim == "VACUUM");
  CHECK(engine.shrink == "VACUUM FULL");
}

TEST_CASE("EngineOf: servers that are too old") {
  const PostgresEngine old = EngineOf({.number = 130012, .version = "13.12"});
  CHECK_FALSE(old.is_supported);
  CHECK(old.name == "PostgreSQL 13.12");
  CHECK(old.oldest == "PostgreSQL 14");
  const PostgresEngine yugabyte = EngineOf({.number = 110002, .version = "11.2-YB-2.20.1.3-b0"});
  CHECK_FALSE(yugabyte.is_supported);
  CHECK(yugabyte.oldest == "YugabyteDB 2025.1");
}

TEST_CASE("EngineOf: YugabyteDB keeps the order of keys, and loses nothing when a node does") {
  const PostgresEngine engine = EngineOf({.number = 150012, .version = "15.12-YB-2025.1.0.0-b0"});
  CHECK(engine.name == "YugabyteDB 15.12-YB-2025.1.0.0-b0");
  CHECK(engine.is_supported);
  CHECK(engine.before_schema == "SET yb_use_hash_splitting_by_default = off; ");
  CHECK(engine.server == "1");
  CHECK(engine.reclaim.empty());
}

TEST_CASE("EngineOf: CockroachDB is told nothing that only PostgreSQL knows") {
  const PostgresEngine engine =
      EngineOf({.number = 130000,
                .version = "13.0.0",
                .cockroach = "CockroachDB CCL v25.1.0 (x86_64-pc-linux-gnu, built 2025/02/15)"});
  CHECK(engine.name == "CockroachDB CCL v25.1.0");
  CHECK(engine.is_supported);
  for (const char* unknown : {"enable_", "jit", "plan_cache_mode", "client_connection_check"}) {
    CHECK_FALSE(Has(engine.settings, unknown));
  }
  CHECK(Has(engine.settings, "serializable"));
  CHECK_FALSE(Has(engine.size, "pg_total_relation_size"));
  CHECK(engine.server == "1");
  CHECK(engine.reclaim.empty());
}

TEST_CASE("MysqlEngineOf: MariaDB and MySQL are known by their numbers, TiDB is one server") {
  const MysqlEngine mariadb = MysqlEngineOf("10.11.19-MariaDB-0+deb12u1");
  CHECK(mariadb.name == "MariaDB 10.11.19");
  CHECK(Has(mariadb.server, "@@server_id"));
  CHECK(Has(mariadb.server, "WSREP_CLUSTER_STATE_UUID"));
  const MysqlEngine mysql = MysqlEngineOf("8.0.45");
  CHECK(mysql.name == "MySQL 8.0.45");
  CHECK(mysql.server == "@@server_id");
  CHECK(mysql.check == "CHECK TABLE");
  const MysqlEngine tidb = MysqlEngineOf("8.0.11-TiDB-v8.5.0");
  CHECK(tidb.name == "TiDB 8.5.0");
  CHECK(tidb.server == "1");
  CHECK(tidb.reclaim.empty());
  CHECK(tidb.check == "ADMIN CHECK TABLE");
}

}  // namespace
}  // namespace kubase::sql
