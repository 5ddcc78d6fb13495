#include "shim/store/space_guard.h"

#include <catch2/catch.hpp>

#include "shim/sql/database.h"
#include "tests/support/test_database.h"
#include "tests/support/wrapped_database.h"

namespace kubase::store {
namespace {

using Verdict = SpaceGuard::Verdict;

TEST_CASE("SpaceGuard: requests cost what etcd counts, a transaction its dearer branch") {
  const PutRequest put{.key = "key", .value = "value"};
  CHECK(SpaceCost(put) == 264);
  CHECK(SpaceCost(TxnRequest{}) == 0);
  const TxnRequest reads{.success = {{RangeRequest{}}, {DeleteRangeRequest{}}}};
  CHECK(SpaceCost(reads) == 0);
  const TxnRequest nested{.success = {{put}},
                          .failure = {{put}, {reads}, {TxnRequest{{}, {{put}}}}}};
  CHECK(SpaceCost(nested) == 528);
}

TEST_CASE("SpaceGuard: what costs nothing passes an alarm and a quota, what fits passes a quota") {
  const testing::TestDatabase data;
  const auto database = data.Open();
  const auto connection = std::move(database->Connect(sql::Access::kWrite)).value();
  const int64_t size = database->ReadSpaceUsage(*connection)->total_bytes;
  ManualClock clock;
  SpaceGuard guard(size + 100, clock);
  guard.Measure(*database, *connection);
  CHECK(guard.Judge(99) == Verdict::kRoom);
  CHECK(guard.Judge(100) == Verdict::kQuotaExceeded);
  guard.SetAlarmRaised(true);
  CHECK(guard.Judge(1) == Verdict::kAlarmRaised);
  CHECK(guard.Judge(0) == Verdict::kRoom);
  SpaceGuard unbounded(0, clock);
  unbounded.Measure(*database, *connection);
  CHECK(unbounded.Judge(int64_t{1} << 60) == Verdict::kRoom);
}

// Counts how often somebody asks for its size.
class Measured final : public testing::WrappedDatabase {
 public:
  using WrappedDatabase::WrappedDatabase;

  Result<sql::SpaceUsage> ReadSpaceUsage(sql::Connection&) override {
    ++looks;
    return sql::SpaceUsage{.total_bytes = 1000, .in_use_bytes = 1000};
  }

  int looks = 0;

 private:
  std::unique_ptr<testing::WrappedConnection> Wrap(
      std::unique_ptr<sql::Connection> connection) override {
    return std::make_unique<testing::WrappedConnection>(std::move(connection));
  }
};

TEST_CASE("SpaceGuard: the writer looks once a second, and after each batch near the quota") {
  const testing::TestDatabase data;
  Measured database(data.Open());
  const auto connection = std::move(database.Connect(sql::Access::kWrite, {})).value();
  ManualClock clock;
  SpaceGuard guard(2000, clock);
  for (int i = 0; i < 10; ++i) guard.MeasureIfDue(database, *connection);
  CHECK(database.looks == 1);
  clock.Advance(std::chrono::seconds(1));
  for (int i = 0; i < 10; ++i) guard.MeasureIfDue(database, *connection);
  CHECK(database.looks == 2);
  CHECK(guard.Judge(999) == Verdict::kRoom);
  guard.MeasureIfDue(database, *connection);
  CHECK(database.looks == 2);
  CHECK(guard.Judge(1) == Verdict::kRoom);
  guard.MeasureIfDue(database, *connection);
  CHECK(database.looks == 3);
  CHECK(guard.Judge(1000) == Verdict::kQuotaExceeded);
  guard.MeasureIfDue(database, *connection);
  CHECK(database.looks == 3);
  SpaceGuard unbounded(0, clock);
  unbounded.MeasureIfDue(database, *connection);
  CHECK(database.looks == 3);
}

}  // namespace
}  // namespace kubase::store
