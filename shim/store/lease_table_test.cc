#include "shim/store/lease_table.h"

#include <catch2/catch.hpp>
#include <limits>

namespace kubase::store {
namespace {

using std::chrono::seconds;

// All whose time is over.
std::vector<LeaseId> Expired(LeaseTable& table) {
  std::vector<LeaseId> ids = table.TakeExpired(100);
  for (const LeaseId id : ids) table.GiveBack(id);
  return ids;
}

TEST_CASE("LeaseTable: a lease expires after its time and not before") {
  ManualClock clock;
  LeaseTable table(clock);
  table.Apply({{7, 10}, {8, 20}});
  clock.Advance(seconds(9));
  CHECK(Expired(table).empty());
  CHECK(table.TimeToLive(7)->ttl_seconds == 1);
  clock.Advance(seconds(1));
  CHECK(Expired(table) == std::vector<LeaseId>{7});
}

TEST_CASE("LeaseTable: renewing starts the time anew, revoking ends it") {
  ManualClock clock;
  LeaseTable table(clock);
  table.Apply({{7, 10}});
  clock.Advance(seconds(9));
  CHECK(table.Renew(7) == 10);
  clock.Advance(seconds(9));
  CHECK(Expired(table).empty());
  table.Apply({{7, std::nullopt}});
  CHECK_FALSE(table.Exists(7));
  CHECK(table.Renew(7) == std::nullopt);
  clock.Advance(seconds(100));
  CHECK(Expired(table).empty());
  CHECK(table.TimeToLive(7) == std::nullopt);
}

TEST_CASE("LeaseTable: what ends cannot be renewed, and nothing ends before its time") {
  ManualClock clock;
  LeaseTable table(clock);
  table.Apply({{7, 10}, {8, 20}});
  clock.Advance(seconds(10));
  CHECK_FALSE(table.End(8));
  CHECK(table.Renew(8) == 20);
  CHECK_FALSE(table.End(9));
  CHECK(table.End(7));
  CHECK(table.Renew(7) == std::nullopt);
  CHECK(Expired(table) == std::vector<LeaseId>{7});  // as long as that is not committed
  CHECK(table.End(7));
  table.Apply({{7, 10}});  // granted anew
  CHECK(table.Renew(7) == 10);
}

TEST_CASE("LeaseTable: who was taken is not given again before it is known what became of it") {
  ManualClock clock;
  LeaseTable table(clock);
  table.Apply({{1, 10}, {2, 11}, {3, 12}});
  clock.Advance(seconds(12));
  CHECK(table.TakeExpired(2) == std::vector<LeaseId>{1, 2});
  CHECK(table.TakeExpired(2).empty());
  table.GiveBack(1);
  table.GiveBack(1);
  CHECK(table.TakeExpired(2) == std::vector<LeaseId>{1});
  CHECK(table.TakeExpired(2).empty());
  table.Apply({{1, std::nullopt}});  // it has ended
  table.GiveBack(1);
  CHECK(table.TakeExpired(2) == std::vector<LeaseId>{3});
  CHECK(table.TakeExpired(2).empty());
}

TEST_CASE("LeaseTable: the largest time to live does not overflow the clock") {
  ManualClock clock;
  LeaseTable table(clock);
  table.Apply({{7, 9'000'000'000}});
  CHECK(Expired(table).empty());
  CHECK(table.TimeToLive(7)->ttl_seconds == 9'000'000'000);
}

}  // namespace
}  // namespace kubase::store
