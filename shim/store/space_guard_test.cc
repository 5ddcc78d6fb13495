#include "shim/store/space_guard.h"

#include <catch2/catch.hpp>

#include "shim/sql/database.h"
#include "tests/support/test_database.h"

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
  SpaceGuard guard(size + 100);
  guard.Measure(*database, *connection);
  CHECK(guard.Judge(99) == Verdict::kRoom);
  CHECK(guard.Judge(100) == Verdict::kQuotaExceeded);
  guard.SetAlarmRaised(true);
  CHECK(guard.Judge(1) == Verdict::kAlarmRaised);
  CHECK(guard.Judge(0) == Verdict::kRoom);
  SpaceGuard unbounded(0);
  unbounded.Measure(*database, *connection);
  CHECK(unbounded.Judge(int64_t{1} << 60) == Verdict::kRoom);
}

}  // namespace
}  // namespace kubase::store
