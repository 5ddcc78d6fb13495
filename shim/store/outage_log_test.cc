// What the log says while the database is away.
#include <algorithm>
#include <catch2/catch.hpp>
#include <mutex>
#include <string>
#include <vector>

#include "shim/store/store_fixture_test.h"
#include "tests/support/outages.h"

namespace kubase::store {
namespace {

TEST_CASE("BatchWriter: an outage is one line a minute, however many writes it fails") {
  std::atomic<bool> down{false};
  std::mutex mutex;
  std::vector<std::string> failures;  // guarded by mutex
  const auto log = LogTo([&](LogLevel, const std::string& line) {
    const std::lock_guard lock(mutex);
    if (line.find("a batch of writes failed") != std::string::npos) failures.push_back(line);
  });
  const testing::TestDatabase data;
  testing::Outages database(data.Open(), down);
  prometheus::Registry registry;
  ManualClock clock;
  auto opened = SqlStore::Open({}, database, registry, clock, *log);
  REQUIRE(opened.ok());
  const auto put = [&] {
    return Wait<PutResponse>(
        [&](auto done) { (*opened)->Put({.key = "/k", .value = "v"}, std::move(done)); });
  };
  REQUIRE(put().ok());
  down = true;
  for (int i = 0; i < 20; ++i) CHECK(put().error().code == ErrorCode::kUnavailable);
  CHECK(failures.size() == 1);
  clock.Advance(LogPacer::kPause);
  CHECK_FALSE(put().ok());
  REQUIRE(failures.size() == 2);
  CHECK(failures[1].find("unlogged=\"19\"") != std::string::npos);
  down = false;
  CHECK(put().ok());
}

}  // namespace
}  // namespace kubase::store
