#include "shim/store/compaction_holds.h"

#include <catch2/catch.hpp>

#include "shim/base/limits.h"

namespace kubase::store {
namespace {

struct Fixture {
  Fixture() {
    holds->OnEnd([this] { ++ends; });
  }

  ManualClock clock;
  std::shared_ptr<CompactionHolds> holds = std::make_shared<CompactionHolds>(clock);
  int ends = 0;
};

TEST_CASE("CompactionHolds: the oldest hold says what may be removed") {
  Fixture fixture;
  CHECK(fixture.holds->RemovableTo(10) == 10);
  auto first = fixture.holds->Take(12);
  const auto second = fixture.holds->Take(15);
  CHECK(fixture.holds->RemovableTo(10) == 10);
  CHECK(fixture.holds->RemovableTo(14) == 12);
  CHECK(fixture.holds->RemovableTo(20) == 12);
  first.reset();
  CHECK(fixture.holds->RemovableTo(20) == 15);
}

TEST_CASE("CompactionHolds: the end of a hold is told when rows were left for one") {
  Fixture fixture;
  fixture.holds->Take(12);
  CHECK(fixture.ends == 0);
  auto hold = fixture.holds->Take(12);
  CHECK(fixture.holds->RemovableTo(13) == 12);
  hold.reset();
  CHECK(fixture.ends == 1);
  CHECK(fixture.holds->RemovableTo(13) == 13);
  fixture.holds->Take(12);
  CHECK(fixture.ends == 1);
}

TEST_CASE("CompactionHolds: a hold that nobody renews ends, and knows") {
  Fixture fixture;
  const auto idle = fixture.holds->Take(12);
  const auto used = fixture.holds->Take(13);
  fixture.clock.Advance(limits::kCompactionHoldIdleMax);
  CHECK(fixture.holds->RemovableTo(20) == 12);
  CHECK(used->Renew());
  fixture.clock.Advance(std::chrono::seconds(1));
  CHECK(fixture.holds->RemovableTo(20) == 13);
  CHECK_FALSE(idle->Renew());
  CHECK(used->Renew());
}

TEST_CASE("CompactionHolds: a hold may outlive who compacts") {
  auto fixture = std::make_unique<Fixture>();
  const auto hold = fixture->holds->Take(12);
  CHECK(fixture->holds->RemovableTo(13) == 12);
  fixture->holds->OnEnd({});
  fixture.reset();
}

}  // namespace
}  // namespace kubase::store
