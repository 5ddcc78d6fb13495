// Everything that is said to the engines of which no server is at hand, held against what they are
// documented not to know.
#include <catch2/catch.hpp>
#include <regex>
#include <string>
#include <vector>

#include "shim/sql/mysql_dialect.h"
#include "shim/sql/mysql_engine.h"
#include "shim/sql/postgres_dialect.h"
#include "shim/sql/postgres_engine.h"
#include "tests/support/match_shapes.h"

namespace kubase::sql {
namespace {

using Statements = std::vector<std::string>;

constexpr auto kForm = std::regex::ECMAScript | std::regex::icase;

// What neither of the two that speak PostgreSQL's protocol has: its advisory locks and what depends
// on them, its storage, and its rules.
const std::regex& UnknownToBothLikePostgres() {
  static const std::regex words(
      R"(advisory|\bctid\b|\bxmin\b|pg_walfile|pg_current_wal|\bVACUUM\b|\bCLUSTER\b|)"
      R"(\bLISTEN\b|\bNOTIFY\b|\bUNLOGGED\b|\bEXCLUDE\b|\bLOCK TABLE\b|\bTABLESAMPLE\b|)"
      R"(\bCREATE (OR REPLACE )?(FUNCTION|TRIGGER|RULE|DOMAIN)\b|\bWITH HOLD\b)",
      kForm);
  return words;
}

// Also its planner's switches, and how it measures.
const std::regex& UnknownToCockroach() {
  static const std::regex words(
      R"(\benable_|\bjit\b|plan_cache_mode|client_connection_check|pg_total_relation_size|)"
      R"(pg_relation_size|\byb_|\bMERGE\b|\bFOR KEY SHARE\b)",
      kForm);
  return words;
}

// Procedures and locks of MySQL that it does without, MariaDB's own words, and a transaction that
// is both a snapshot and said to be read only.
const std::regex& UnknownToTidb() {
  static const std::regex words(
      R"(\b(CHECK|OPTIMIZE|REPAIR|CHECKSUM) TABLE\b|\bRETURNING\b|\bLATERAL\b|\bJSON_TABLE\b|)"
      R"(\bSKIP LOCKED\b|\bHANDLER\b|\bXA\b|\bTRIGGER\b|\bPROCEDURE\b|\bNOT ATOMIC\b|\bFULLTEXT\b|)"
      R"(\bwsrep_|idle_write_transaction|\bSNAPSHOT\s*,)",
      kForm);
  return words;
}

// ADMIN CHECK TABLE is TiDB's own.
std::string AsTidbReadsIt(const std::string& text) {
  static const std::regex of_mariadb(R"(/\*M!.*?\*/)"), own("ADMIN CHECK TABLE");
  return std::regex_replace(std::regex_replace(text, of_mariadb, ""), own, "");
}

Statements LikePostgres(const PostgresEngine& engine) {
  Statements all = {std::string(engine.settings), std::string(engine.size),
                    std::string(engine.server),   std::string(engine.durability),
                    std::string(engine.reclaim),  kPostgresGuard};
  for (const std::string& step : PostgresSchemaSteps()) {
    all.push_back(std::string(engine.before_schema) + step);
  }
  for (size_t i = 0; i < kQueries; ++i) {
    all.push_back(PostgresText(static_cast<Query>(i)));
    all.emplace_back(PostgresManyText(static_cast<Query>(i)));
  }
  testing::ForEachMatchShape(
      [&](const MatchShape& shape) { all.push_back(PostgresMatchText(shape)); });
  return all;
}

Statements LikeMysql(const MysqlEngine& engine) {
  Statements all = {std::string(engine.server),  std::string(engine.durability),
                    std::string(engine.reclaim), std::string(engine.check),
                    std::string(kMysqlGuard),    std::string(kMysqlSnapshot),
                    std::string(kMysqlSettings)};
  for (const std::string& step : MysqlSchemaSteps()) all.push_back(step);
  for (size_t i = 0; i < kQueries; ++i) all.push_back(MysqlText(static_cast<Query>(i)));
  testing::ForEachMatchShape(
      [&](const MatchShape& shape) { all.push_back(MysqlMatchText(shape)); });
  return all;
}

Statements Knowing(const Statements& all, const std::regex& unknown) {
  Statements found;
  for (const std::string& text : all) {
    if (std::regex_search(text, unknown)) found.push_back(text);
  }
  return found;
}

PostgresEngine Cockroach() {
  return EngineOf({.number = 130000, .version = "13.0.0", .cockroach = "CockroachDB CCL v23.1.0"});
}

PostgresEngine Yugabyte() {
  return EngineOf({.number = 150012, .version = "15.12-YB-2025.1.0.0-b0"});
}

TEST_CASE("CockroachDB gets no statement with what it does not know") {
  const Statements all = LikePostgres(Cockroach());
  REQUIRE(all.size() > kQueries + 256);
  CHECK(Knowing(all, UnknownToBothLikePostgres()).empty());
  CHECK(Knowing(all, UnknownToCockroach()).empty());
}

TEST_CASE("YugabyteDB gets no statement with what it does not know, and ordered indexes") {
  const Statements all = LikePostgres(Yugabyte());
  REQUIRE(all.size() > kQueries + 256);
  CHECK(Knowing(all, UnknownToBothLikePostgres()).empty());
  const Statements indexes = Knowing(all, std::regex("CREATE (TABLE|INDEX)", kForm));
  REQUIRE_FALSE(indexes.empty());
  for (const std::string& text : indexes) {
    CHECK(text.starts_with("SET yb_use_hash_splitting_by_default = off; "));
  }
}

TEST_CASE("TiDB gets no statement with what it does not know, and rows in the order of their ids") {
  Statements all = LikeMysql(MysqlEngineOf("8.0.11-TiDB-v7.5.0"));
  REQUIRE(all.size() > kQueries + 256);
  for (std::string& text : all) text = AsTidbReadsIt(text);
  CHECK(Knowing(all, UnknownToTidb()).empty());
  CHECK(Knowing(all, std::regex("AUTO_INCREMENT")).size() ==
        Knowing(all, std::regex("AUTO_ID_CACHE 1 ")).size());
}

TEST_CASE("What the engines do not know is found where it is said to their elder sisters") {
  const PostgresEngine postgres = EngineOf({.number = 150018, .version = "15.18"});
  CHECK_FALSE(Knowing(LikePostgres(postgres), UnknownToBothLikePostgres()).empty());
  CHECK_FALSE(Knowing(LikePostgres(postgres), UnknownToCockroach()).empty());
  CHECK_FALSE(Knowing(LikeMysql(MysqlEngineOf("10.11.19-MariaDB")), UnknownToTidb()).empty());
}

}  // namespace
}  // namespace kubase::sql
