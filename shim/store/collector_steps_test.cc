// The steps of the collector: how much is in one, and what each change is to others.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <string>

#include "shim/base/limits.h"
#include "shim/store/collector_fixture_test.h"
#include "tests/support/counting_observer.h"

namespace kubase::store {
namespace {

// Counts what the collector does by statements, each of which a step runs once.
class Counted : public testing::CountingObserver, public Collected {
 public:
  Counted() : Collected(this) {}
  // Commits, as long as nobody else writes.
  int SettleCountingSteps() {
    Take("commit");
    int ticks = 0;
    do {
      Set("/tick", "");
      ++ticks;
    } while (Gauge("due") > 0);
    return Take("commit") - ticks;
  }
};

TEST_CASE_METHOD(Counted, "many small pieces of work share a step") {
  constexpr int kOwners = 500;
  for (int i = 0; i < kOwners; ++i) {
    const std::string owner = fmt::format("owner-{}", i);
    Create({.name = owner});
    Create({.name = fmt::format("child-{}", i), .owners = {{owner}}});
  }
  REQUIRE(Delete({.key = KeyOf("owner-"), .range_end = KeyOf("owner.")}).ok());
  CHECK(SettleCountingSteps() < kOwners / 10);
  CHECK_FALSE(IsThere("child-0"));
  CHECK_FALSE(IsThere(fmt::format("child-{}", kOwners - 1)));
}

TEST_CASE_METHOD(Counted, "a step ends when it has read much") {
  Create({.name = "small-owner"});
  Create({.name = "owner"});
  for (int i = 0; i < 2000; ++i) {
    Create({.name = fmt::format("small-{}", i), .owners = {{"small-owner"}}});
  }
  constexpr int kLarge = 4 * limits::kCollectionReadsTogether;
  constexpr size_t kBytes = limits::kCollectionStepBytesMax / limits::kCollectionReadsTogether;
  for (int i = 0; i < kLarge; ++i) {
    std::string text = TextOf({.name = fmt::format("large-{}", i), .owners = {{"owner"}}});
    text.insert(1, R"("data":")" + std::string(kBytes, 'x') + R"(",)");
    Set(KeyOf(fmt::format("large-{}", i)), text);
  }
  Remove("small-owner");
  Settle();  // by now steps are large
  Remove("owner");
  CHECK(SettleCountingSteps() >= 4);
  CHECK_FALSE(IsThere("large-0"));
  CHECK_FALSE(IsThere(fmt::format("large-{}", kLarge - 1)));
}

TEST_CASE_METHOD(Collected, "what is owed is told, and done, after a start") {
  if (testing::TestDatabase::OnServer()) return;
  Create({.name = "owner"});
  Create({.name = "child", .owners = {{"owner"}}});
  data().RunScript(
      "CREATE TRIGGER undo BEFORE DELETE ON collections BEGIN SELECT RAISE(ROLLBACK, 'undone'); "
      "END");
  Remove("owner");
  Close();
  data().RunScript("DROP TRIGGER undo");
  Open();
  clock().Advance(std::chrono::seconds(5));
  CHECK(Gauge("due") == 1);
  Settle();
  CHECK_FALSE(IsThere("child"));
  CHECK(Gauge("due") == 0);
}

}  // namespace
}  // namespace kubase::store
