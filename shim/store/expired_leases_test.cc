// Leases that run out while nothing can be written.
#include <pthread.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "shim/base/limits.h"
#include "shim/store/store_fixture_test.h"
#include "tests/support/held_writes.h"
#include "tests/support/outages.h"

namespace kubase::store {
namespace {

// Counts how often the thread that looks for expired leases asks for the time.
class LookCountingClock final : public Clock {
 public:
  MonotonicTime Now() const override {
    char name[16] = {};
    ::pthread_getname_np(::pthread_self(), name, sizeof(name));
    if (std::string_view(name) == "lease-keeper") ++looks_;
    return manual_.Now();
  }
  WallTime WallNow() const override { return manual_.WallNow(); }
  void Advance(std::chrono::seconds by) { manual_.Advance(by); }
  // Returns when the thread has looked again some times.
  void AwaitLooks(int64_t count) const {
    for (const int64_t until = looks_ + count; looks_ < until;) std::this_thread::yield();
  }

 private:
  ManualClock manual_;
  mutable std::atomic<int64_t> looks_{0};
};

constexpr int kLeases = 1000;
constexpr int64_t kTtlSeconds = 10;

// A store that looks for expired leases as often as it can.
struct LeasesFixture {
  LeasesFixture() {
    auto outages = std::make_unique<testing::Outages>(data.Open(), down);
    database = std::make_unique<testing::HeldWrites>(std::move(outages), hold);
    auto opened = SqlStore::Open({.lease_check_interval = std::chrono::milliseconds(1)}, *database,
                                 registry, clock, *log);
    REQUIRE(opened.ok());
    store = std::move(opened).value();
    Grant();
  }

  void Grant() {
    std::atomic<int> granted{0};
    for (int i = 1; i <= kLeases; ++i) {
      store->Grant(i, kTtlSeconds, [&](const Result<LeaseGrantResponse>& grant) {
        if (grant.ok()) ++granted;
      });
    }
    while (granted < kLeases) std::this_thread::yield();
  }
  std::future<Result<PutResponse>> Put(const std::string& key) {
    auto promise = std::make_shared<std::promise<Result<PutResponse>>>();
    store->Put({.key = key, .value = "v"},
               [promise](Result<PutResponse> put) { promise->set_value(std::move(put)); });
    return promise->get_future();
  }
  size_t CountLeases() {
    return Wait<std::vector<LeaseId>>([&](auto done) { store->List(std::move(done)); })->size();
  }
  bool AllEnd() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (CountLeases() > 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    return CountLeases() == 0;
  }

  const testing::TestDatabase data;
  testing::Hold hold;
  std::atomic<bool> down{false};
  std::atomic<int> warnings{0};
  LookCountingClock clock;
  prometheus::Registry registry;
  std::unique_ptr<Log> log = LogTo([this](LogLevel level, const std::string& line) {
    if (level == LogLevel::kWarning && line.find("lease") != std::string::npos) ++warnings;
  });
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<SqlStore> store;
};

TEST_CASE("SqlStore: leases that run out while the writer stands still leave room for clients") {
  LeasesFixture fixture;
  fixture.hold.Arm();
  auto first = fixture.Put("/first");
  fixture.hold.AwaitHeld();
  fixture.clock.Advance(std::chrono::seconds(kTtlSeconds));
  fixture.clock.AwaitLooks(100);
  auto second = fixture.Put("/second");
  CHECK(second.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  fixture.hold.Release();
  CHECK(first.get().ok());
  CHECK(second.get().ok());
  CHECK(fixture.AllEnd());
}

TEST_CASE("SqlStore: leases that cannot be ended are tried again, and one line tells of them") {
  LeasesFixture fixture;
  fixture.down = true;
  fixture.clock.Advance(std::chrono::seconds(kTtlSeconds));
  while (fixture.warnings == 0) std::this_thread::yield();
  fixture.clock.AwaitLooks(100);
  CHECK(fixture.warnings == 1);
  CHECK(fixture.CountLeases() == kLeases);
  fixture.down = false;
  CHECK(fixture.AllEnd());
}

}  // namespace
}  // namespace kubase::store
