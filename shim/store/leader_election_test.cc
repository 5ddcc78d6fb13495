// On SQLite there is only the process that has the file; the rest needs a server (tests/databases).
#include "shim/store/leader_election.h"

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "tests/support/test_database.h"

namespace kubase::store {
namespace {

using std::chrono::milliseconds;
using testing::TestDatabase;

// One of several on a database. They are of one process, so that each writes a name of its own.
class Candidate {
 public:
  Candidate(const TestDatabase& data, const Clock& clock, const std::string& address)
      : database_(OpenDatabase(data)),
        election_({.address = address,
                   .process = "process of " + address,
                   .renew_interval = milliseconds(20),
                   .look_interval = milliseconds(5)},
                  *database_, clock, *log_) {}

  LeaderElection& election() { return election_; }
  const LeaderLease& lease() const { return election_.lease(); }
  sql::Database& database() { return *database_; }
  // Whether it leads after so many looks; what it saw is kept.
  bool Try(int looks) {
    std::stop_source stop;
    seen_.clear();
    return election_.Campaign(stop.get_token(), [&](const Result<sql::LeaderRecord>& seen) {
      seen_.push_back(seen);
      if (--looks == 0) stop.request_stop();
    });
  }
  const std::vector<Result<sql::LeaderRecord>>& seen() const { return seen_; }

 private:
  static std::unique_ptr<sql::Database> OpenDatabase(const TestDatabase& data) {
    auto database = data.TryOpen();
    if (!database.ok()) FAIL(database.error().message);
    return std::move(database).value();
  }

  const std::unique_ptr<Log> log_ = LogTo([](LogLevel, const std::string&) {});
  const std::unique_ptr<sql::Database> database_;
  LeaderElection election_;
  std::vector<Result<sql::LeaderRecord>> seen_;
};

bool CanWrite(sql::Database& database) {
  const auto connection = database.Connect(sql::Access::kWrite);
  REQUIRE(connection.ok());
  if (!(*connection)->Begin(sql::Access::kWrite).ok()) return false;
  if ((*connection)->Commit().ok()) return true;
  (*connection)->Rollback();
  return false;
}

TEST_CASE("LeaderElection: who is alone leads at once, and again after it gave up") {
  const TestDatabase data;
  ManualClock clock;
  Candidate only(data, clock, "a:1");
  CHECK_FALSE(only.lease().Holds());
  REQUIRE(only.Try(1));
  CHECK(only.lease().Holds());
  CHECK(CanWrite(only.database()));
  only.election().GiveUp();
  CHECK_FALSE(only.lease().Holds());
  REQUIRE(only.Try(1));
  CHECK(CanWrite(only.database()));
}

TEST_CASE("LeaderElection: a candidate sees where the leader is, and leads when that gives up") {
  if (!TestDatabase::OnServer()) return;
  const TestDatabase data;
  ManualClock clock;
  Candidate first(data, clock, "it's:1"), second(data, clock, "b:2");
  REQUIRE(first.Try(1));
  CHECK_FALSE(second.Try(3));
  REQUIRE(second.seen().back().ok());
  CHECK(second.seen().back()->address == "it's:1");
  CHECK(second.seen().back()->term == first.election().term());
  CHECK_FALSE(CanWrite(second.database()));
  CHECK(second.election().TakeUnlessAlive().error().code == ErrorCode::kLeaderChanged);
  first.election().GiveUp();
  CHECK_FALSE(CanWrite(first.database()));
  REQUIRE(second.Try(1));
  CHECK(CanWrite(second.database()));
}

TEST_CASE("LeaderElection: a lead that stands still is taken, after its lease has ended") {
  if (!TestDatabase::OnServer()) return;
  const TestDatabase data;
  ManualClock clock;
  const auto database = data.Open();  // leads, and renews nothing
  const auto connection = database->Connect(sql::Access::kWrite);
  Candidate second(data, clock, "b:2");
  CHECK_FALSE(second.Try(2));
  clock.Advance(milliseconds(4999));
  CHECK_FALSE(second.Try(2));
  REQUIRE(database->RenewLead(**connection).ok());
  clock.Advance(milliseconds(4999));
  CHECK_FALSE(second.Try(2));
  CHECK(CanWrite(*database));
  clock.Advance(milliseconds(5000));
  REQUIRE(second.Try(1));
  CHECK(database->RenewLead(**connection).error().code == ErrorCode::kLeaderChanged);
  CHECK_FALSE(CanWrite(*database));
  CHECK(CanWrite(second.database()));
}

TEST_CASE("LeaderElection: what changed after the last look is not taken") {
  if (!TestDatabase::OnServer()) return;
  const TestDatabase data;
  const auto first = data.Open();
  const auto connection = first->Connect(sql::Access::kWrite);
  const auto seen = first->ReadLeader(**connection);
  REQUIRE(seen.ok());
  REQUIRE(first->RenewLead(**connection).ok());
  auto second = data.TryOpen();
  REQUIRE(second.ok());
  const auto other = (*second)->Connect(sql::Access::kWrite);
  const auto taken = (*second)->TakeLead(**other, *seen, "b", "b:2");
  REQUIRE_FALSE(taken.ok());
  CHECK(taken.error().code == ErrorCode::kLeaderChanged);
  CHECK(CanWrite(*first));
}

TEST_CASE(
    "LeaderElection: the lease ends when it is not renewed in time, and the lead is not lost") {
  if (!TestDatabase::OnServer()) return;
  const TestDatabase data;
  ManualClock clock;
  Candidate first(data, clock, "a:1");
  REQUIRE(first.Try(1));
  clock.Advance(milliseconds(3000));
  // The next renewal starts at the new time.
  while (!first.lease().Holds()) std::this_thread::yield();
  CHECK(CanWrite(first.database()));
}

TEST_CASE("LeaderElection: who lost the lead hears of it, and its memory is worth nothing") {
  if (!TestDatabase::OnServer()) return;
  const TestDatabase data;
  ManualClock clock;
  Candidate first(data, clock, "a:1");
  REQUIRE(first.Try(1));
  const auto second = data.Open();  // takes it, whoever leads
  CHECK(first.election().WaitUntilLost({}));
  CHECK_FALSE(first.lease().Holds());
  first.election().GiveUp();
  CHECK(CanWrite(*second));  // not given up for another
  CHECK_FALSE(first.Try(2));
}

TEST_CASE("LeaderElection: a lead that cannot be taken is told") {
  if (!TestDatabase::OnServer()) return;
  const TestDatabase data;
  ManualClock clock;
  Candidate candidate(data, clock, "a:1");
  data.RunScript(TestDatabase::engine() == TestDatabase::Engine::kMysql
                     ? "CREATE TRIGGER no_change BEFORE UPDATE ON meta FOR EACH ROW "
                       "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no change'"
                     : "CREATE FUNCTION no_change() RETURNS trigger LANGUAGE plpgsql AS "
                       "$$ BEGIN RAISE EXCEPTION 'no change'; END $$; CREATE TRIGGER no_change "
                       "BEFORE UPDATE ON meta FOR EACH ROW EXECUTE FUNCTION no_change()");
  CHECK_FALSE(candidate.Try(1));
  REQUIRE(candidate.seen().size() == 1);
  REQUIRE_FALSE(candidate.seen()[0].ok());
  CHECK(candidate.seen()[0].error().message.find("no change") != std::string::npos);
  data.RunScript(TestDatabase::engine() == TestDatabase::Engine::kMysql
                     ? "DROP TRIGGER no_change"
                     : "DROP TRIGGER no_change ON meta");
  CHECK(candidate.Try(1));
}

TEST_CASE("LeaderElection: a campaign ends when it is told to") {
  if (!TestDatabase::OnServer()) return;
  const TestDatabase data;
  ManualClock clock;
  const auto leader = data.Open();
  Candidate candidate(data, clock, "a:1");
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  CHECK_FALSE(candidate.election().Campaign(stop.get_token(), [](const auto&) {}));
  stopper.join();
}

}  // namespace
}  // namespace kubase::store
