// How servers do what they are asked: by an index, whatever there is. Needs one (tests/databases).
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shim/sql/database.h"
#include "shim/sql/mysql_dialect.h"
#include "shim/sql/postgres_dialect.h"
#include "shim/sql/remote_database.h"
#include "tests/support/match_shapes.h"
#include "tests/support/test_database.h"

namespace kubase::sql {
namespace {

using testing::TestDatabase;

// 'b': bytes, 'n': a number, and 'B' and 'N' arrays of them.
std::string_view PostgresType(char type) {
  switch (type) {
    case 'b':
      return "bytea";
    case 'n':
      return "bigint";
    case 'B':
      return "bytea[]";
    default:
      return "bigint[]";
  }
}

// As our connections plan it: once, and without statistics. `types`: of PostgresType, or "" to let
// the server find out.
std::vector<std::string> PlanOfPostgres(const TestDatabase& data, const std::string& text,
                                        const std::string& types = "") {
  std::string declared;
  for (const char type : types) {
    declared += fmt::format("{}{}", declared.empty() ? "(" : ", ", PostgresType(type));
  }
  if (!declared.empty()) declared += ')';
  const std::string settings = fmt::format(
      "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; "
      "SET enable_mergejoin = off; SET enable_sort = off; SET plan_cache_mode = "
      "force_generic_plan; "
      "PREPARE planned{} AS {}; ",
      declared, text);
  const int parameters = std::stoi(
      data.Ask(settings +
               "SELECT coalesce(cardinality(parameter_types), 0) FROM pg_prepared_statements")[0]);
  std::string nulls;
  for (int i = 0; i < parameters; ++i) nulls += i == 0 ? "(NULL" : ", NULL";
  return data.Ask(settings + "EXPLAIN (COSTS OFF) EXECUTE planned" + nulls +
                  (parameters > 0 ? ")" : ""));
}

// But for a sort of what a union has read, each part of it up to the limit.
void CheckPlan(const std::vector<std::string>& steps) {
  for (size_t i = 0; i < steps.size(); ++i) {
    const auto has = [&](size_t step, const char* text) {
      return step < steps.size() && steps[step].find(text) != std::string::npos;
    };
    INFO(steps[i]);
    CHECK_FALSE(has(i, "Seq Scan"));
    CHECK_FALSE(has(i, "Incremental Sort"));
    if (steps[i].starts_with("Sort") || has(i, "->  Sort")) CHECK(has(i + 2, "Append"));
  }
}

TEST_CASE("Postgres: no statement scans or sorts, but those that are meant to") {
  if (TestDatabase::engine() != TestDatabase::Engine::kPostgres) return;
  const TestDatabase data;
  const auto database = data.Open();
  for (size_t i = 0; i < kQueries; ++i) {
    const auto query = static_cast<Query>(i);
    if (query == Query::kScanVersions || query == Query::kListLeases) continue;
    if (query == Query::kListAlarms || query == Query::kListKinds) continue;
    INFO(QueryName(query));
    CheckPlan(PlanOfPostgres(data, PostgresText(query)));
  }
}

// Tables in which a plan makes a difference.
void FillMysql(const TestDatabase& data) {
  data.RunScript(
      "INSERT INTO objects SELECT seq, CONCAT('/r/', LPAD(seq, 6, '0')), seq + 1, seq + 1, 1, 0, "
      "0, REPEAT('v', 500) FROM seq_1_to_20000;"
      "INSERT INTO attributes SELECT 1, CONCAT('v', seq MOD 3), LPAD(seq, 6, '0'), seq + 1, 0, seq "
      "FROM seq_1_to_20000;"
      "INSERT INTO attributes SELECT 2, CONCAT('v', seq MOD 3), LPAD(seq, 6, '0'), seq + 1, 0, seq "
      "FROM seq_1_to_20000;"
      "INSERT INTO history SELECT seq, CONCAT('/r/', LPAD(seq, 6, '0')), seq + 1, seq, seq, 1, 0, "
      "0, 'v' FROM seq_1_to_10000;"
      "INSERT INTO changes SELECT seq, 0, 0, CONCAT('/r/', LPAD(seq, 6, '0')) "
      "FROM seq_1_to_20000;"
      "INSERT INTO dependents SELECT 'owner', 0, CONCAT('/r/', LPAD(seq, 6, '0')) "
      "FROM seq_1_to_20000");
}

class FilledMysql {
 public:
  FilledMysql() : database_(data_.Open()) {
    FillMysql(data_);
    auto connected = database_->Connect(Access::kRead);
    if (!connected.ok()) FAIL(connected.error().message);
    connection_ = std::move(connected).value();
  }

  Connection& connection() const { return *connection_; }

 private:
  const TestDatabase data_;
  const std::unique_ptr<Database> database_;
  std::unique_ptr<Connection> connection_;
};

// Of FillMysql: an attribute, a revision that changed half of the objects, and a page of them.
const Value kName = int64_t{2};
const Value kRevision = int64_t{10'000};
const Value kEarlier = int64_t{5'000};
const Value kLimit = int64_t{501};

// 'n': `number`. 'b': a range that has everything in it, and values of attributes.
std::vector<Value> MysqlParams(const std::string& types, const Value& number) {
  std::vector<Value> params;
  const size_t bounds = types.find_first_not_of('b');
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i] == 'n') {
      params.push_back(number);
    } else if (i < bounds) {
      params.emplace_back(std::string_view(i == 0 ? "/r/" : i + 1 == bounds ? "~" : ""));
    } else {
      static constexpr std::string_view kValues[] = {"v0", "v1", "v2"};
      params.emplace_back(kValues[i % std::size(kValues)]);
    }
  }
  return params;
}

void CheckPlanOfMysql(Connection& connection, const std::string& text) {
  INFO(text);
  int steps = 0;
  const RowSink check = [&](const Row& row) {
    ++steps;
    if (row.IsNull(2) || row.Bytes(2).starts_with("<")) return true;  // of a union's parts
    const std::string type(row.IsNull(3) ? "" : row.Bytes(3)), extra(row.Bytes(9));
    INFO(row.Bytes(1) << " " << row.Bytes(2) << " " << type << " " << extra);
    CHECK(type != "ALL");
    CHECK(type != "index");
    if (row.Bytes(1) == "DEPENDENT SUBQUERY") CHECK(type != "range");  // for each row outside
    for (const char* costly : {"filesort", "temporary", "join buffer"}) {
      CHECK(extra.find(costly) == std::string::npos);
    }
    return true;
  };
  const Result<void> read =
      static_cast<RemoteConnection&>(connection).Read("EXPLAIN " + text, check);
  INFO((read.ok() ? "" : read.error().message));
  REQUIRE(read.ok());
  REQUIRE(steps > 0);
}

TEST_CASE("MariaDB: no statement scans or sorts") {
  if (TestDatabase::engine() != TestDatabase::Engine::kMysql) return;
  const FilledMysql filled;
  constexpr std::pair<Query, const char*> kStatements[] = {
      {Query::kGet, "b"},
      {Query::kGetAt, "bn"},
      {Query::kGetSuperseded, "bn"},
      {Query::kList, "bbn"},
      {Query::kListUnbounded, "bn"},
      {Query::kListKeys, "bbn"},
      {Query::kListKeysUnbounded, "bn"},
      {Query::kListBareKeys, "bbn"},
      {Query::kListBareKeysUnbounded, "bn"},
      {Query::kListAt, "bbnn"},
      {Query::kListAtUnbounded, "bnn"},
      {Query::kListKeysAt, "bbnn"},
      {Query::kListKeysAtUnbounded, "bnn"},
      {Query::kCount, "bb"},
      {Query::kCountUnbounded, "b"},
      {Query::kCountAt, "bbn"},
      {Query::kCountAtUnbounded, "bn"},
      {Query::kChanges, "nnn"},
      {Query::kChangesInRange, "bbnnn"},
      {Query::kChangesInRangeUnbounded, "bnnn"},
      {Query::kLeaseKeys, "n"},
      {Query::kGetAttribute, "nbb"},
      {Query::kEndAttribute, "nnbb"},
      {Query::kDeleteAttribute, "nbbn"},
      {Query::kListEndedAttributes, "nn"},
      {Query::kListAttributesOfName, "nn"},
      {Query::kCountAttributes, "n"},
      {Query::kNextAttributeValue, "nb"},
      {Query::kSkipAttributes, "nbbn"},
      {Query::kListDependents, "bnbn"},
      {Query::kGetDependent, "bnb"},
      {Query::kLastDependent, "b"},
      {Query::kWalkDependents, "bnbn"},
      {Query::kListDueCollections, "nn"},
      {Query::kSkipCollections, "nnn"},
      {Query::kWakeCollections, "nnn"},
      {Query::kCountCollections, "n"},
  };
  for (const auto& [query, types] : kStatements) {
    INFO(QueryName(query));
    const std::string_view order = types;
    std::vector<Value> params = MysqlParams(types, kRevision);
    if (const size_t number = order.find('n'); number != order.npos) params[number] = kEarlier;
    CheckPlanOfMysql(filled.connection(), Render(MysqlText(query), params));
  }
}

TEST_CASE("MariaDB: no statement for many rows scans or sorts") {
  if (TestDatabase::engine() != TestDatabase::Engine::kMysql) return;
  const FilledMysql filled;
  constexpr std::pair<Query, std::string_view> kStatements[] = {
      {Query::kGet, "b"},
      {Query::kUpdateObject, "bnnnnnn"},
      {Query::kDeleteObject, "n"},
      {Query::kEndAttribute, "nnbb"},
      {Query::kDeleteAttribute, "nbbn"},
      {Query::kDeleteDependent, "bnb"},
  };
  for (const auto& [query, types] : kStatements) {
    for (const int64_t count : {2, 32, 1000}) {
      INFO(QueryName(query) << " of " << count);
      std::vector<std::string> texts;
      for (int64_t i = 0; i < count; ++i) texts.push_back(fmt::format("/r/{:06}", i * 7));
      std::vector<Value> params;
      for (int64_t i = 0; i < count; ++i) {
        for (const char type : types) {
          params.push_back(type == 'b' ? Value(texts[static_cast<size_t>(i)]) : Value(i * 7));
        }
      }
      for (const std::string& text : RenderMany(query, params, types.size())) {
        CheckPlanOfMysql(filled.connection(), text);
      }
    }
  }
}

TEST_CASE("MariaDB: no search by attributes scans or sorts") {
  if (TestDatabase::engine() != TestDatabase::Engine::kMysql) return;
  const FilledMysql filled;
  testing::ForEachMatchShape([&](const MatchShape& shape) {
    std::vector<Value> params = MysqlParams(testing::ParametersOf(shape), kName);
    if (shape.at_revision) params[shape.bounded ? 3 : 2] = kRevision;
    params.back() = kLimit;
    CheckPlanOfMysql(filled.connection(), Render(MysqlMatchText(shape), params));
  });
}

TEST_CASE("Postgres: no statement for many rows scans or sorts") {
  if (TestDatabase::engine() != TestDatabase::Engine::kPostgres) return;
  const TestDatabase data;
  const auto database = data.Open();
  constexpr std::pair<Query, const char*> kStatements[] = {
      {Query::kGet, "B"},
      {Query::kGetWithMeta, "B"},
      {Query::kGetSuperseded, "BN"},
      {Query::kUpdateObject, "BNNNNNN"},
      {Query::kDeleteObject, "N"},
      {Query::kEndAttribute, "NNBB"},
      {Query::kDeleteAttribute, "NBBN"},
      {Query::kDeleteDependent, "BNB"},
  };
  for (const auto& [query, types] : kStatements) {
    INFO(QueryName(query));
    CheckPlan(PlanOfPostgres(data, std::string(PostgresManyText(query)), types));
  }
}

TEST_CASE("Postgres: no search by attributes scans or sorts") {
  if (TestDatabase::engine() != TestDatabase::Engine::kPostgres) return;
  const TestDatabase data;
  const auto database = data.Open();
  testing::ForEachMatchShape([&](const MatchShape& shape) {
    INFO(PostgresMatchText(shape));
    CheckPlan(PlanOfPostgres(data, PostgresMatchText(shape), testing::ParametersOf(shape)));
  });
}

}  // namespace
}  // namespace kubase::sql
