// What the observer of statements hears of those on servers. Needs a server (tests/databases).
#include <catch2/catch.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "shim/sql/database.h"
#include "shim/sql/remote_fixture_test.h"
#include "tests/support/test_database.h"

namespace kubase::sql {
namespace {

// Remembers what it was told last.
class Observations final : public StatementObserver {
 public:
  struct Run {
    double seconds = 0;
    std::optional<ErrorCode> error;
  };
  void OnStatement(const StatementRun& run) override {
    const std::lock_guard lock(mutex_);
    runs_[std::string(run.name)] = {
        run.seconds, run.error == nullptr ? std::nullopt : std::optional(run.error->code)};
  }
  std::map<std::string, Run> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(runs_, {});
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Run> runs_;
};

TEST_CASE("Remote: of statements that travel together each has its own time and error") {
  const std::string insert(QueryName(Query::kInsertObject));
  Observations observations;
  const TestDatabase data;
  const auto database = data.Open(&observations);
  const auto connection = Remote::Connect(*database);
  REQUIRE(connection->Begin(Access::kWrite).ok());
  REQUIRE(Put(*connection, 1, "a", "v").ok());
  observations.Take();
  {
    const HeldTable held(
        data, 2,
        OnPostgres() ? "BEGIN; LOCK TABLE objects IN EXCLUSIVE MODE" : "LOCK TABLES objects WRITE",
        OnPostgres() ? "COMMIT" : "UNLOCK TABLES");
    REQUIRE(connection->Commit().ok());
  }
  auto runs = observations.Take();
  REQUIRE(runs.contains(insert));
  REQUIRE(runs.contains("commit"));
  CHECK(runs[insert].seconds > 1);
  CHECK(runs["commit"].seconds < 1);

  REQUIRE(connection->Begin(Access::kWrite).ok());
  REQUIRE(Put(*connection, 1, "a", "v").ok());
  REQUIRE(connection->Commit().error().code == ErrorCode::kAlreadyExists);
  connection->Rollback();
  runs = observations.Take();
  CHECK(runs[insert].error == ErrorCode::kAlreadyExists);
  CHECK_FALSE(runs.contains("commit"));
}

TEST_CASE("Remote: the end of a connection is told of the statement that waited") {
  Observations observations;
  const TestDatabase data;
  const auto database = data.Open(&observations);
  const auto connection = Remote::Connect(*database);
  REQUIRE(connection->Begin(Access::kWrite).ok());
  REQUIRE(Put(*connection, 1, "a", "v").ok());
  observations.Take();
  data.CutConnections();
  REQUIRE(connection->Commit().error().code == ErrorCode::kOutcomeUnknown);
  const auto runs = observations.Take();
  REQUIRE(runs.size() == 1);
  CHECK(runs.at("commit").error == ErrorCode::kOutcomeUnknown);
}

}  // namespace
}  // namespace kubase::sql
