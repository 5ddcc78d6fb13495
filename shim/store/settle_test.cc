// Commits whose answer is lost: what the store says afterwards is what the database holds.
#include <catch2/catch.hpp>

#include "shim/store/store_fixture_test.h"
#include "tests/support/lost_answers.h"

namespace kubase::store {
namespace {

using testing::NextCommit;

class SettleFixture {
 public:
  SettleFixture()
      : fixture_({}, nullptr, [this](std::unique_ptr<sql::Database> database) {
          return std::make_unique<testing::LostAnswers>(std::move(database), next_);
        }) {}

  StoreFixture* operator->() { return &fixture_; }
  void Lose(NextCommit how) { next_ = how; }

  Result<LeaseGrantResponse> Grant(LeaseId id) {
    return Wait<LeaseGrantResponse>(
        [&](auto done) { fixture_.store().Grant(id, 100, std::move(done)); });
  }
  Result<Revision> Revoke(LeaseId id) {
    return Wait<Revision>([&](auto done) { fixture_.store().Revoke(id, std::move(done)); });
  }
  Result<Revision> Alarm(bool raised) {
    return Wait<Revision>([&](auto done) {
      raised ? fixture_.store().RaiseNoSpace(std::move(done))
             : fixture_.store().DisarmNoSpace(std::move(done));
    });
  }
  std::vector<LeaseId> Leases() {
    return *Wait<std::vector<LeaseId>>([&](auto done) { fixture_.store().List(std::move(done)); });
  }
  bool alarmed() {
    return Wait<StoreStatus>([&](auto done) { fixture_.store().Status(std::move(done)); })
        ->no_space;
  }
  void Restart() {
    fixture_.Close();
    fixture_.Open();
  }

 private:
  std::atomic<NextCommit> next_{NextCommit::kAnswered};
  StoreFixture fixture_;
};

// Loses the answer to the first commit of a step of compaction, and counts what is settled.
class LosingCompaction final : public testing::WrappedDatabase {
 public:
  LosingCompaction(std::unique_ptr<sql::Database> database, std::atomic<int>& settled)
      : WrappedDatabase(std::move(database)), settled_(settled) {}

  Result<void> Settle(sql::Connection& connection) override {
    ++settled_;
    return WrappedDatabase::Settle(connection);
  }

 private:
  class Writing final : public testing::WrappedConnection {
   public:
    using WrappedConnection::WrappedConnection;
    Result<int64_t> Execute(sql::Query query, sql::Params params) override {
      compacts_ = compacts_ || query == sql::Query::kCompactHistory;
      return WrappedConnection::Execute(query, params);
    }
    Result<void> Commit() override {
      KUBASE_TRY(WrappedConnection::Commit());
      if (!compacts_ || std::exchange(lost_, true)) return Ok();
      ended_ = true;
      return Error{ErrorCode::kOutcomeUnknown, "the answer to the commit was lost"};
    }
    void Rollback() override {
      if (!std::exchange(ended_, false)) WrappedConnection::Rollback();
    }

   private:
    bool compacts_ = false;
    bool lost_ = false;
    bool ended_ = false;  // although who asked does not know
  };

  std::unique_ptr<testing::WrappedConnection> Wrap(
      std::unique_ptr<sql::Connection> connection) override {
    return std::make_unique<Writing>(std::move(connection));
  }

  std::atomic<int>& settled_;
};

// A server counts each transaction, so that the next one has to know.
TEST_CASE("BatchWriter: a step of compaction whose answer was lost is settled") {
  std::atomic<int> settled{0};
  StoreFixture fixture({}, nullptr, [&](std::unique_ptr<sql::Database> database) {
    return std::make_unique<LosingCompaction>(std::move(database), settled);
  });
  for (const char* value : {"1", "2", "3"}) {
    REQUIRE(fixture.Put({.key = "/a", .value = value}).ok());
  }
  CHECK(fixture.Compact(4).ok());
  CHECK(settled == 1);
  CHECK(fixture.Put({.key = "/a", .value = "4"})->revision == 5);
}

TEST_CASE("BatchWriter: a write whose answer was lost is told to be what it is") {
  SettleFixture settled;
  settled.Lose(NextCommit::kDoneButLost);
  CHECK(settled->Put({.key = "/a", .value = "1"})->revision == 2);
  settled.Lose(NextCommit::kUndoneAndLost);
  CHECK(settled->Put({.key = "/a", .value = "2"}).error().code == ErrorCode::kUnavailable);
  CHECK(settled->Range({.range = {"/a", ""}})->kvs.at(0)->value == "1");
  CHECK(settled->Put({.key = "/a", .value = "3"})->revision == 3);
}

TEST_CASE("BatchWriter: a lease whose answer was lost is in memory if it is in the database") {
  SettleFixture settled;
  settled.Lose(NextCommit::kDoneButLost);
  CHECK(settled.Grant(7).ok());
  settled.Lose(NextCommit::kUndoneAndLost);
  CHECK(settled.Grant(8).error().code == ErrorCode::kUnavailable);
  CHECK(settled.Leases() == std::vector<LeaseId>{7});
  CHECK(settled.Grant(8).ok());

  settled.Lose(NextCommit::kUndoneAndLost);
  CHECK(settled.Revoke(7).error().code == ErrorCode::kUnavailable);
  settled.Lose(NextCommit::kDoneButLost);
  CHECK(settled.Revoke(8).ok());
  CHECK(settled.Leases() == std::vector<LeaseId>{7});
  settled.Restart();
  CHECK(settled.Leases() == std::vector<LeaseId>{7});
}

TEST_CASE("BatchWriter: an alarm whose answer was lost is raised if it is in the database") {
  SettleFixture settled;
  settled.Lose(NextCommit::kUndoneAndLost);
  CHECK(settled.Alarm(true).error().code == ErrorCode::kUnavailable);
  CHECK_FALSE(settled.alarmed());
  settled.Lose(NextCommit::kDoneButLost);
  CHECK(settled.Alarm(true).ok());
  CHECK(settled.alarmed());
  settled.Lose(NextCommit::kDoneButLost);
  CHECK(settled.Alarm(false).ok());
  CHECK_FALSE(settled.alarmed());
  settled.Restart();
  CHECK_FALSE(settled.alarmed());
}

}  // namespace
}  // namespace kubase::store
