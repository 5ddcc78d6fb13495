// A database that undoes transactions, as the distributed engines do: triggers raise what those
// say, as often as a test wants. A sequence counts, which no transaction takes back.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "shim/store/collector_fixture_test.h"

namespace kubase::store {
namespace {

using Engine = testing::TestDatabase::Engine;

constexpr char kSerializationFailure[] = "40001";
constexpr char kCompletionUnknown[] = "40003";

// The next `times` of these changes of rows (MariaDB), or commits of them (PostgreSQL), fail so.
void FailNext(const testing::TestDatabase& data, int times, const char* sql_state,
              const char* change = "INSERT ON objects") {
  if (testing::TestDatabase::engine() == Engine::kMysql) {
    data.RunScript(
        fmt::format("CREATE SEQUENCE conflicts; CREATE TRIGGER conflict BEFORE {} FOR EACH ROW "
                    "IF NEXTVAL(conflicts) <= {} THEN SIGNAL SQLSTATE '{}' SET MYSQL_ERRNO = 1213; "
                    "END IF",
                    change, times, sql_state));
    return;
  }
  data.RunScript(fmt::format(
      "CREATE SEQUENCE conflicts; CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN IF nextval('conflicts') <= {} THEN RAISE EXCEPTION 'a conflict' USING ERRCODE = "
      "'{}'; END IF; RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER conflict AFTER {} "
      "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION conflict()",
      times, sql_state, change));
}

void FailNoMore(const testing::TestDatabase& data) {
  data.RunScript(testing::TestDatabase::engine() == Engine::kMysql
                     ? "DROP TRIGGER conflict"
                     : "DROP TRIGGER conflict ON objects");
}

TEST_CASE("BatchWriter: what a conflict undoes is done again, whole and once") {
  if (testing::TestDatabase::engine() == Engine::kSqlite) return;
  StoreFixture fixture;
  constexpr int kConflicts = 3;
  FailNext(fixture.data(), kConflicts, kSerializationFailure);
  const auto lease =
      Wait<LeaseGrantResponse>([&](auto done) { fixture.store().Grant(0, 100, std::move(done)); });
  REQUIRE(lease.ok());
  const std::string value(100'000, 'v');
  TxnRequest request;
  request.success.emplace_back(PutRequest{.key = "/a", .value = value, .lease = lease->id});
  request.success.emplace_back(PutRequest{.key = "/b", .value = value});
  const auto done = fixture.Txn(request);
  REQUIRE(done.ok());
  CHECK(done->revision == 2);
  const auto read = fixture.Range({.range = {"/", "0"}});
  REQUIRE(read.ok());
  REQUIRE(read->kvs.size() == 2);
  for (const KeyValuePtr& pair : read->kvs) {
    CHECK(pair->value == value);
    CHECK(pair->version == 1);
    CHECK(pair->mod_revision == 2);
  }
  CHECK(std::stoi(fixture.data().Ask("SELECT count(*) FROM changes").at(0)) == 2);
  CHECK(fixture.Put({.key = "/c", .value = "1"})->revision == 3);
}

TEST_CASE("BatchWriter: what a conflict lets the collector do again is counted once") {
  if (testing::TestDatabase::engine() == Engine::kSqlite) return;
  Collected fixture;
  fixture.Create({.name = "owner"});
  fixture.Create({.name = "one", .owners = {{"owner"}}});
  fixture.Create({.name = "two", .owners = {{"owner"}}});
  FailNext(fixture.data(), 3, kSerializationFailure, "DELETE ON collections");
  fixture.Remove("owner");
  fixture.Settle();
  CHECK_FALSE(fixture.IsThere("one"));
  CHECK_FALSE(fixture.IsThere("two"));
  CHECK(fixture.Deleted("background") == 2);
}

TEST_CASE("BatchWriter: conflicts without an end are an error, and nothing is done") {
  if (testing::TestDatabase::engine() == Engine::kSqlite) return;
  StoreFixture fixture;
  FailNext(fixture.data(), 1'000'000, kSerializationFailure);
  const auto put = fixture.Put({.key = "/a", .value = "1"});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code == ErrorCode::kConflict);
  CHECK(fixture.Range({.range = {"/", "0"}})->kvs.empty());
  FailNoMore(fixture.data());
  CHECK(fixture.Put({.key = "/a", .value = "2"})->revision == 2);
}

TEST_CASE("BatchWriter: a commit of which the server does not know is settled") {
  if (testing::TestDatabase::engine() != Engine::kPostgres) return;
  StoreFixture fixture;
  FailNext(fixture.data(), 1, kCompletionUnknown);
  const auto put = fixture.Put({.key = "/a", .value = "1"});
  REQUIRE_FALSE(put.ok());  // this server had undone it
  CHECK(put.error().code == ErrorCode::kUnavailable);
  CHECK(fixture.Put({.key = "/a", .value = "2"})->revision == 2);
  CHECK(fixture.Range({.range = {"/a", ""}})->kvs.at(0)->version == 1);
}

}  // namespace
}  // namespace kubase::store
