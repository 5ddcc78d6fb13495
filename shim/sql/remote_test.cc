// What the engines have in common that are reached over a network. Needs a server
// (tests/databases).
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "shim/sql/database.h"
#include "shim/sql/remote_fixture_test.h"
#include "tests/support/test_database.h"

namespace kubase::sql {
namespace {

TEST_CASE_METHOD(Remote, "Remote: a new database is at revision 1 and was never compacted") {
  int rows = 0;
  REQUIRE(Connect()
              ->Select(Query::kReadMeta, {},
                       [&](const Row& row) {
                         ++rows;
                         CHECK(row.Int(0) == (OnPostgres() ? 3 : 2));
                         CHECK(row.Int(1) > 0);
                         CHECK(row.Int(2) == 1);
                         CHECK(row.Int(3) == -1);
                         return true;
                       })
              .ok());
  CHECK(rows == 1);
}

TEST_CASE_METHOD(Remote, "Remote: bytes and numbers come back as they were written") {
  const auto connection = Connect();
  const std::string zeros("\0\xff\0", 3);
  REQUIRE(connection->Begin(Access::kWrite).ok());
  const Value rows[] = {int64_t{1},
                        std::string_view("a"),
                        std::string_view(""),
                        int64_t{-1},
                        int64_t{2},
                        int64_t{3},
                        int64_t{4},
                        int64_t{5},
                        int64_t{2},
                        zeros,
                        zeros,
                        INT64_MIN,
                        INT64_MAX,
                        int64_t{0},
                        int64_t{0},
                        int64_t{0}};
  REQUIRE(connection->ExecuteMany(Query::kInsertObject, rows, 8).ok());
  REQUIRE(connection->Commit().ok());
  std::vector<std::string> seen;
  const Value from[] = {std::string_view(""), int64_t{-1}};
  REQUIRE(connection
              ->Select(Query::kListUnbounded, from,
                       [&](const Row& row) {
                         seen.push_back(fmt::format("{}={} {} {}", row.Bytes(0), row.Bytes(1),
                                                    row.Int(2), row.Int(3)));
                         return true;
                       })
              .ok());
  CHECK(seen == std::vector<std::string>{
                    fmt::format("{}={} {} {}", zeros, zeros, INT64_MIN, INT64_MAX), "a= -1 2"});
}

TEST_CASE_METHOD(Remote, "Remote: a row stops a query early, and many travel together") {
  const auto connection = Connect();
  REQUIRE(connection->Begin(Access::kWrite).ok());
  std::vector<std::string> keys;
  for (int i = 0; i < 3000; ++i) keys.push_back(fmt::format("key-{:04}", i));
  for (size_t i = 0; i < keys.size(); ++i) {
    REQUIRE(Put(*connection, static_cast<int64_t>(i) + 1, keys[i], keys[i]).ok());
  }
  REQUIRE(connection->Commit().ok());
  int rows = 0;
  const Value from[] = {std::string_view(""), int64_t{-1}};
  REQUIRE(
      connection->Select(Query::kListUnbounded, from, [&](const Row&) { return ++rows < 7; }).ok());
  CHECK(rows == 7);
  rows = 0;
  const std::vector<Value> all(keys.begin(), keys.end());
  REQUIRE(connection->SelectMany(Query::kGet, all, 1, [&](const Row&) { return ++rows > 0; }).ok());
  CHECK(rows == 3000);
}

TEST_CASE_METHOD(Remote, "Remote: rollback undoes, also what has not travelled yet") {
  const auto connection = Connect();
  REQUIRE(connection->Begin(Access::kWrite).ok());
  REQUIRE(Put(*connection, 1, "a", "1").ok());
  CHECK(*Get(*connection, "a") == "1");
  REQUIRE(Put(*connection, 2, "b", "2").ok());
  connection->Rollback();
  CHECK(*Get(*connection, "a") == "none");
  CHECK(*Get(*connection, "b") == "none");
}

TEST_CASE_METHOD(Remote, "Remote: rollback ends a transaction of which a statement would fail") {
  const auto connection = Connect();
  REQUIRE(connection->Begin(Access::kWrite).ok());
  REQUIRE(Put(*connection, 1, "a", "1").ok());
  REQUIRE(Put(*connection, 1, "b", "2").ok());  // the id is taken
  connection->Rollback();
  REQUIRE(connection->Begin(Access::kWrite).ok());
  REQUIRE(Put(*connection, 1, "a", "1").ok());
  CHECK(connection->Commit().ok());
}

TEST_CASE_METHOD(Remote, "Remote: a statement that fails shows with the commit") {
  const auto connection = Connect();
  REQUIRE(connection->Begin(Access::kWrite).ok());
  REQUIRE(Put(*connection, 1, "a", "1").ok());
  REQUIRE(Put(*connection, 1, "b", "2").ok());  // the id is taken
  const Result<void> committed = connection->Commit();
  REQUIRE_FALSE(committed.ok());
  CHECK(committed.error().code == ErrorCode::kAlreadyExists);
  connection->Rollback();
  CHECK(*Get(*connection, "a") == "none");
}

TEST_CASE_METHOD(Remote, "Remote: what is read with a commit is what the transaction leaves") {
  const auto connection = Connect();
  REQUIRE(connection->Begin(Access::kWrite).ok());
  REQUIRE(Put(*connection, 1, "a", "1").ok());
  REQUIRE(Put(*connection, 2, "b", "2").ok());
  REQUIRE(connection->Commit().ok());
  REQUIRE(connection->Begin(Access::kWrite).ok());
  const Value deleted[] = {int64_t{2}};
  REQUIRE(connection->ExecuteMany(Query::kDeleteObject, deleted, 1).ok());
  REQUIRE(Put(*connection, 3, "c", "3").ok());
  std::vector<std::string> read;
  const RowSink note = [&](const Row& row) {
    read.emplace_back(row.Bytes(1));
    return true;
  };
  const Value keys[] = {std::string_view("a"), std::string_view("b"), std::string_view("c"),
                        std::string_view("d")};
  REQUIRE(connection->SelectManyAndCommit(Query::kGet, keys, 1, note).ok());
  std::sort(read.begin(), read.end());
  CHECK(read == std::vector<std::string>{"1", "3"});
  CHECK(*Get(*Connect(), "c") == "3");
}

TEST_CASE_METHOD(Remote, "Remote: a commit that fails with what it reads leaves nothing") {
  const auto connection = Connect();
  REQUIRE(connection->Begin(Access::kWrite).ok());
  REQUIRE(Put(*connection, 1, "a", "1").ok());
  REQUIRE(Put(*connection, 2, "a", "2").ok());  // the key is taken
  const Value keys[] = {std::string_view("a")};
  const Result<void> committed =
      connection->SelectManyAndCommit(Query::kGet, keys, 1, [](const Row&) { return true; });
  REQUIRE_FALSE(committed.ok());
  CHECK(committed.error().code == ErrorCode::kAlreadyExists);
  connection->Rollback();
  CHECK(*Get(*connection, "a") == "none");
  REQUIRE(connection->Begin(Access::kWrite).ok());
  REQUIRE(Put(*connection, 1, "a", "1").ok());
  CHECK(connection->Commit().ok());
}

TEST_CASE_METHOD(Remote, "Remote: who takes the lead last has it; the other writes nothing more") {
  const auto first = Connect();
  REQUIRE(first->Begin(Access::kWrite).ok());
  REQUIRE(Put(*first, 1, "a", "1").ok());
  REQUIRE(first->Commit().ok());
  const auto other = data().Open();
  const auto second = Connect(*other);
  REQUIRE(first->Begin(Access::kWrite).ok());
  REQUIRE(Put(*first, 2, "b", "2").ok());
  const Result<void> late = first->Commit();
  REQUIRE_FALSE(late.ok());
  CHECK(late.error().code == ErrorCode::kLeaderChanged);
  first->Rollback();
  REQUIRE_FALSE(database().Settle(*first).ok());
  REQUIRE(second->Begin(Access::kWrite).ok());
  REQUIRE(Put(*second, 2, "b", "second").ok());
  REQUIRE(second->Commit().ok());
  CHECK(*Get(*second, "b") == "second");
}

TEST_CASE_METHOD(Remote, "PostgreSQL: an older database gets a count of its writes") {
  if (!OnPostgres()) return;
  data().RunScript("ALTER TABLE meta DROP COLUMN writes; UPDATE meta SET schema_version = 2");
  const auto upgraded = data().Open();
  const auto connection = Connect(*upgraded);
  for (const int64_t id : {1, 2}) {
    REQUIRE(connection->Begin(Access::kWrite).ok());
    REQUIRE(Put(*connection, id, std::to_string(id), "1").ok());
    REQUIRE(connection->Commit().ok());
  }
  CHECK(data().Ask("SELECT writes FROM meta")[0] == "2");
}

TEST_CASE_METHOD(Remote, "Remote: a server that lacks a write is noticed before it is used") {
  const auto connection = Connect(), reader = Connect();
  const auto write = [&](int64_t id, const char* key) -> Result<void> {
    KUBASE_TRY(connection->Begin(Access::kWrite));
    Result<void> done = Put(*connection, id, key, "1");
    if (done.ok()) done = connection->Commit();
    if (!done.ok()) connection->Rollback();
    return done;
  };
  REQUIRE(write(1, "a").ok());
  reader->Disconnect();
  CHECK(*Get(*reader, "a") == "1");
  data().RunScript("UPDATE meta SET writes = writes - 1");
  const Result<void> late = write(2, "b");
  REQUIRE_FALSE(late.ok());
  CHECK(late.error().code == ErrorCode::kLeaderChanged);
  reader->Disconnect();
  const Result<std::string> read = Get(*reader, "a");
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().code == ErrorCode::kLeaderChanged);
  const Result<void> settled = database().Settle(*connection);
  REQUIRE_FALSE(settled.ok());
  CHECK(settled.error().code == ErrorCode::kLeaderChanged);
}

TEST_CASE_METHOD(Remote, "Remote: a connection that was lost is made anew") {
  const auto connection = Connect();
  CHECK(*Get(*connection, "a") == "none");
  data().CutConnections();
  // At most the first call hears of it.
  Result<std::string> first = Get(*connection, "a");
  if (!first.ok()) CHECK(first.error().code == ErrorCode::kUnavailable);
  CHECK(Get(*connection, "a").ok());

  REQUIRE(connection->Begin(Access::kWrite).ok());
  REQUIRE(Put(*connection, 1, "a", "1").ok());
  CHECK(Get(*connection, "a").ok());
  data().CutConnections();
  const Result<void> committed = connection->Commit();
  REQUIRE_FALSE(committed.ok());
  CHECK((committed.error().code == ErrorCode::kOutcomeUnknown ||
         committed.error().code == ErrorCode::kUnavailable));
  connection->Rollback();
  REQUIRE(database().Settle(*connection).ok());
  CHECK(*Get(*connection, "a") == "none");
  REQUIRE(connection->Begin(Access::kWrite).ok());
  REQUIRE(Put(*connection, 1, "a", "1").ok());
  CHECK(connection->Commit().ok());
}

TEST_CASE_METHOD(Remote, "Remote: a connection that was given back is made again") {
  const auto connection = Connect();
  const auto connections = [&] {
    return data().Ask(
        OnPostgres() ? "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kubase'"
                     : "SELECT COUNT(*) FROM information_schema.processlist "
                       "WHERE db = DATABASE() AND id <> CONNECTION_ID()")[0];
  };
  // The server ends its side by itself, also of the connections of other tests.
  const auto await = [&](const std::string& count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (connections() != count) REQUIRE(std::chrono::steady_clock::now() < deadline);
  };
  CHECK(*Get(*connection, "a") == "none");
  await("1");
  connection->Disconnect();
  await("0");
  CHECK(*Get(*connection, "a") == "none");
}

TEST_CASE_METHOD(Remote, "Remote: giving space back may take longer than other statements") {
  const auto impatient = database().Connect(Access::kWrite, std::chrono::seconds(1));
  REQUIRE(impatient.ok());
  const HeldTable held(data(), 3);
  const Result<void> reclaimed = database().ReclaimSpace(**impatient, Reclaim::kSmaller, {});
  INFO((reclaimed.ok() ? "" : reclaimed.error().message));
  CHECK(reclaimed.ok());
  CHECK(*Get(**impatient, "a") == "none");
}

TEST_CASE_METHOD(Remote, "Remote: space is given back for new rows while others read") {
  if (!OnPostgres()) return;  // elsewhere the server decides
  const auto connection = Connect();
  const HeldTable held(data(), 5);
  CHECK(database().ReclaimSpace(*connection, Reclaim::kReuse, {}).ok());
  const char* const still_held =
      "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
  CHECK(data().Ask(still_held)[0] == "1");
}

TEST_CASE_METHOD(Remote, "Remote: giving space back ends when it is told to") {
  const auto connection = Connect();
  const HeldTable held(data(), 5);
  std::stop_source stop;
  auto reclaimed = std::async(std::launch::async, [&] {
    return database().ReclaimSpace(*connection, Reclaim::kSmaller, stop.get_token());
  });
  HeldTable::AwaitWaiter(data());
  stop.request_stop();
  const Result<void> ended = reclaimed.get();
  REQUIRE_FALSE(ended.ok());
  CHECK(ended.error().code == ErrorCode::kUnavailable);
  CHECK(database().ReclaimSpace(*connection, Reclaim::kSmaller, stop.get_token()).error().code ==
        ErrorCode::kUnavailable);
}

TEST_CASE_METHOD(Remote, "Remote: a snapshot stays while others commit") {
  const auto reader = Connect(), writer = Connect();
  REQUIRE(reader->Begin(Access::kRead).ok());
  CHECK(*Get(*reader, "a") == "none");
  REQUIRE(writer->Begin(Access::kWrite).ok());
  REQUIRE(Put(*writer, 1, "a", "1").ok());
  REQUIRE(writer->Commit().ok());
  CHECK(*Get(*reader, "a") == "none");
  reader->Rollback();
  CHECK(*Get(*reader, "a") == "1");
}

// As the error says it to an administrator.
std::string ToBeRun(const Error& error) {
  constexpr std::string_view kBefore = "let an administrator run: ";
  const size_t at = error.message.find(kBefore);
  return at == std::string::npos ? "" : error.message.substr(at + kBefore.size());
}

TEST_CASE("Remote: who lacks the rights is told the statement that gives them, and it does") {
  const TestDatabase data;
  const std::string user = "limited";
  // Seeing it is not enough. MariaDB shows it to nobody who has no rights in it.
  if (OnPostgres()) data.RunScript("GRANT USAGE ON SCHEMA " + data.name() + " TO " + user);
  const auto refused = data.TryOpenAs(user);
  REQUIRE_FALSE(refused.ok());
  INFO(refused.error().message);
  CHECK(refused.error().code == ErrorCode::kPermissionDenied);
  const std::string statement = ToBeRun(refused.error());
  CHECK(statement ==
        (OnPostgres() ? fmt::format("GRANT CREATE ON SCHEMA \"{}\" TO \"limited\"", data.name())
                      : fmt::format("CREATE DATABASE IF NOT EXISTS `{0}`; GRANT ALL ON `{0}`.* TO "
                                    "'limited'@'%'",
                                    data.name())));
  data.RunScript(statement);
  const auto opened = data.TryOpenAs(user);
  INFO((opened.ok() ? "" : opened.error().message));
  CHECK(opened.ok());
}

TEST_CASE("MariaDB: who may read alone is told the statement that lets it write") {
  if (OnPostgres()) return;
  const TestDatabase data;
  data.RunScript("GRANT SELECT ON `" + data.name() + "`.* TO 'limited'@'%'");
  const auto refused = data.TryOpenAs("limited");
  REQUIRE_FALSE(refused.ok());
  INFO(refused.error().message);
  CHECK(refused.error().code == ErrorCode::kPermissionDenied);
  data.RunScript(ToBeRun(refused.error()));
  CHECK(data.TryOpenAs("limited").ok());
}

TEST_CASE_METHOD(Remote, "Remote: what is not ours is left alone") {
  const TestDatabase foreign;
  foreign.RunScript("CREATE TABLE theirs(a bigint)");
  const auto refused = foreign.TryOpen();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  data().RunScript("UPDATE meta SET schema_version = 1000");
  const auto newer = data().TryOpen();
  REQUIRE_FALSE(newer.ok());
  CHECK(newer.error().code == ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace kubase::sql
