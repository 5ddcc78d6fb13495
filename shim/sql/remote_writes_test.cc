// Writes to servers: of many rows at once, and of those that take none. Needs a server
// (tests/databases).
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "shim/sql/database.h"
#include "shim/sql/mysql.h"
#include "shim/sql/remote_fixture_test.h"
#include "tests/support/test_database.h"

namespace kubase::sql {
namespace {

// Values in which a statement made of text could lose its way.
std::string AwkwardValue(int64_t id) {
  return fmt::format("?1 ' '' \\ OR END {} {}", id, std::string(id % 7 == 0 ? 200'000 : 10, 'v'));
}

TEST_CASE_METHOD(Remote, "Remote: of many rows that change, each gets what is its own") {
  const auto connection = Connect();
  constexpr int64_t kRows = 100;
  std::vector<std::string> keys, values;
  for (int64_t id = 0; id < kRows; ++id) {
    keys.push_back(fmt::format("key-{:04}", id));
    values.push_back(AwkwardValue(id));
  }
  REQUIRE(connection->Begin(Access::kWrite).ok());
  std::vector<Value> updates, deletes;
  for (int64_t id = 0; id < kRows; ++id) {
    const auto at = static_cast<size_t>(id);
    REQUIRE(Put(*connection, id, keys[at], "before").ok());
    if (id == 50) continue;
    for (const Value& value : {Value(values[at]), Value(id + 1), Value(id + 2), Value(id + 3),
                               Value(id + 4), Value(id + 5), Value(id)}) {
      updates.push_back(value);
    }
    if (id % 3 == 0) deletes.emplace_back(id);
  }
  REQUIRE(connection->ExecuteMany(Query::kUpdateObject, updates, 7).ok());
  REQUIRE(connection->ExecuteMany(Query::kDeleteObject, deletes, 1).ok());
  REQUIRE(connection->Commit().ok());
  int64_t id = 0;
  const Value from[] = {std::string_view(""), int64_t{-1}};
  const auto check = [&](const Row& row) {
    while (id % 3 == 0 && id != 50) ++id;
    const auto at = static_cast<size_t>(id);
    CHECK(row.Bytes(0) == keys[at]);
    CHECK((row.Bytes(1) == (id == 50 ? "before" : values[at])));
    if (id != 50) CHECK((row.Int(2) == id + 1 && row.Int(3) == id + 2 && row.Int(6) == id + 5));
    ++id;
    return true;
  };
  REQUIRE(connection->Select(Query::kListUnbounded, from, check).ok());
  CHECK(id == kRows - 1);
}

TEST_CASE_METHOD(Remote, "Remote: of many attributes that end, each ends when it does") {
  const auto connection = Connect();
  constexpr int64_t kNames = 40;
  REQUIRE(connection->Begin(Access::kWrite).ok());
  std::vector<Value> added, ended, deleted;
  for (int64_t name = 1; name <= kNames; ++name) {
    for (const char* object : {"a/same", "b/other"}) {
      const std::string_view object_name = object;
      for (const Value& value : {Value(name), Value(std::string_view("x'?4")), Value(object_name),
                                 Value(int64_t{1}), Value(name)}) {
        added.push_back(value);
      }
    }
    for (const Value& value : {Value(name + 100), Value(name), Value(std::string_view("x'?4")),
                               Value(std::string_view("a/same"))}) {
      ended.push_back(value);
    }
    if (name % 2 == 0) continue;
    for (const Value& value : {Value(name), Value(std::string_view("x'?4")),
                               Value(std::string_view("b/other")), Value(int64_t{1})}) {
      deleted.push_back(value);
    }
  }
  REQUIRE(connection->ExecuteMany(Query::kAddAttribute, added, 5).ok());
  REQUIRE(connection->ExecuteMany(Query::kEndAttribute, ended, 4).ok());
  REQUIRE(connection->ExecuteMany(Query::kDeleteAttribute, deleted, 4).ok());
  REQUIRE(connection->Commit().ok());
  for (int64_t name = 1; name <= kNames; ++name) {
    std::vector<std::string> seen;
    const auto note = [&](const Row& row) {
      seen.emplace_back(row.Bytes(2));
      return true;
    };
    const Value until[] = {name + 100, int64_t{1000}};
    REQUIRE(connection->Select(Query::kListEndedAttributes, until, note).ok());
    CHECK(seen == std::vector<std::string>(static_cast<size_t>(name), "a/same"));
    int64_t left = -1;
    const Value of_name[] = {name};
    const auto count = [&](const Row& row) {
      left = row.Int(0);
      return false;
    };
    REQUIRE(connection->Select(Query::kCountAttributes, of_name, count).ok());
    CHECK(left == (name % 2 == 0 ? 1 : 0));
  }
}

// While it lives, the server takes writes of nobody but who may change that.
class ReadOnlyServer {
 public:
  explicit ReadOnlyServer(TestDatabase& data) : data_(data) { Set(1); }
  ~ReadOnlyServer() { Set(0); }

 private:
  void Set(int on) { data_.RunScript(fmt::format("SET GLOBAL read_only = {}", on)); }

  TestDatabase& data_;
};

TEST_CASE_METHOD(Remote,
                 "MariaDB: a server that takes no writes any more answers no reads either") {
  if (TestDatabase::engine() != TestDatabase::Engine::kMysql) return;
  MysqlOptions options = data().Mysql();
  options.user = "plain";  // of tests/databases/mariadb.py
  auto database = OpenMysql(options);
  REQUIRE(database.ok());
  const auto writer = Connect(**database), reader = Connect(**database);
  const auto seen = (*database)->ReadLeader(*writer);
  REQUIRE(seen.ok());
  REQUIRE((*database)->TakeLead(*writer, *seen, "a test", "").ok());
  const auto write = [&](int64_t id) -> Result<void> {
    KUBASE_TRY(writer->Begin(Access::kWrite));
    Result<void> done = Put(*writer, id, fmt::format("key-{}", id), "v");
    if (done.ok()) done = writer->Commit();
    if (!done.ok()) writer->Rollback();
    return done;
  };
  REQUIRE(write(1).ok());
  CHECK(Get(*reader, "key-1").value() == "v");
  {
    const ReadOnlyServer demoted(data());
    const Result<void> refused = write(2);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::kUnavailable);
    const Result<std::string> read = Get(*reader, "key-1");
    REQUIRE_FALSE(read.ok());
    CHECK(read.error().code == ErrorCode::kUnavailable);
    CHECK(read.error().message.find("read-only") != std::string::npos);
  }
  CHECK(write(3).ok());
  CHECK(Get(*reader, "key-3").value() == "v");
  CHECK(Get(*reader, "key-2").value() == "none");
}

std::string DurabilityRisk(Remote& remote) {
  const auto connection = remote.Connect();
  const Result<std::string> risk = remote.database().ReadDurabilityRisk(*connection);
  REQUIRE(risk.ok());
  return *risk;
}

TEST_CASE_METHOD(Remote, "PostgreSQL: a server that does not sync its log says so") {
  if (!OnPostgres()) return;
  const bool syncs = data().Ask("SHOW fsync")[0] == "on";
  CHECK(DurabilityRisk(*this) == (syncs ? "" : "fsync = off"));
}

TEST_CASE_METHOD(Remote, "MariaDB: a server that does not sync its log at each commit says so") {
  if (TestDatabase::engine() != TestDatabase::Engine::kMysql) return;
  const std::string before = data().Ask("SELECT @@innodb_flush_log_at_trx_commit")[0];
  const auto set = [&](const std::string& value) {
    data().RunScript("SET GLOBAL innodb_flush_log_at_trx_commit = " + value);
  };
  set("1");
  CHECK(DurabilityRisk(*this).empty());
  set("0");
  CHECK(DurabilityRisk(*this) == "innodb_flush_log_at_trx_commit = 0");
  set(before);
}

}  // namespace
}  // namespace kubase::sql
