// Gets on a server, which is slow as long as the test wants.
#include "shim/store/point_reads.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "shim/base/limits.h"
#include "shim/store/store_fixture_test.h"

namespace kubase::store {
namespace {

constexpr std::chrono::seconds kPatience{20};

// Holds every trip of a get until it is opened.
class Gate : public sql::StatementObserver {
 public:
  void OnStatement(const sql::StatementRun& run) override {
    if (run.name != sql::QueryName(sql::Query::kGetWithMeta)) return;
    std::unique_lock lock(mutex_);
    ++trips_;
    changed_.notify_all();
    changed_.wait_for(lock, kPatience, [this] { return open_; });
  }
  bool WaitForTrips(int trips) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return trips_ >= trips; });
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  int trips() {
    const std::lock_guard lock(mutex_);
    return trips_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int trips_ = 0;      // guarded by mutex_
  bool open_ = false;  // guarded by mutex_
};

std::future<Result<RangeResponse>> StartGet(SqlStore& store, const std::string& key,
                                            std::function<bool()> is_abandoned = nullptr) {
  auto answer = std::make_shared<std::promise<Result<RangeResponse>>>();
  store.Range({.range = {key, ""}, .is_abandoned = std::move(is_abandoned)},
              [answer](Result<RangeResponse> response) { answer->set_value(std::move(response)); });
  return answer->get_future();
}

TEST_CASE("PointReads: gets that wait together travel together, and each gets its own answer") {
  if (testing::TestDatabase::engine() == testing::TestDatabase::Engine::kSqlite) return;
  Gate gate;
  StoreFixture fixture({}, &gate);
  constexpr int kKeys = 10, kWaiting = 2 * limits::kGetsTogetherMax;
  for (int i = 0; i < kKeys; i += 2) {
    REQUIRE(fixture.Put({.key = "/" + std::to_string(i), .value = std::to_string(i)}).ok());
  }
  fixture.Close();
  fixture.Open();  // it remembers no pair
  std::vector<std::future<Result<RangeResponse>>> first, waiting;
  for (int trip = 1; trip <= limits::kGetTripsMax; ++trip) {
    first.push_back(StartGet(fixture.store(), "/none"));
    REQUIRE(gate.WaitForTrips(trip));
  }
  for (int i = 0; i < kWaiting; ++i) {
    waiting.push_back(StartGet(fixture.store(), "/" + std::to_string(i % kKeys)));
  }
  gate.Open();
  for (auto& answer : first) CHECK(answer.get()->kvs.empty());
  for (int i = 0; i < kWaiting; ++i) {
    const Result<RangeResponse> response = waiting[static_cast<size_t>(i)].get();
    REQUIRE(response.ok());
    CHECK(response->revision == 1 + kKeys / 2);
    CHECK(response->count == (i % 2 == 0 ? 1 : 0));
    REQUIRE(response->kvs.size() == (i % 2 == 0 ? 1U : 0U));
    if (i % 2 == 0) CHECK(response->kvs[0]->value == std::to_string(i % kKeys));
  }
  CHECK(gate.trips() == limits::kGetTripsMax + 2);
}

TEST_CASE("PointReads: no trip is made for clients that have gone") {
  if (testing::TestDatabase::engine() == testing::TestDatabase::Engine::kSqlite) return;
  Gate gate;
  StoreFixture fixture({}, &gate);
  std::vector<std::future<Result<RangeResponse>>> first, gone;
  for (int trip = 1; trip <= limits::kGetTripsMax; ++trip) {
    first.push_back(StartGet(fixture.store(), "/none"));
    REQUIRE(gate.WaitForTrips(trip));
  }
  for (int i = 0; i < 1000; ++i) {
    gone.push_back(StartGet(fixture.store(), "/" + std::to_string(i), [] { return true; }));
  }
  auto last = StartGet(fixture.store(), "/last");
  gate.Open();
  CHECK(last.get().ok());
  for (auto& answer : first) CHECK(answer.get().ok());
  for (auto& answer : gone) CHECK(answer.get().error().code == ErrorCode::kCancelled);
  CHECK(gate.trips() == limits::kGetTripsMax + 1);
}

TEST_CASE("PointReads: every get is answered when the server ends its connections") {
  if (testing::TestDatabase::engine() == testing::TestDatabase::Engine::kSqlite) return;
  Gate gate;
  StoreFixture fixture({}, &gate);
  gate.Open();
  fixture.data().CutConnections();
  std::vector<std::future<Result<RangeResponse>>> all;
  for (int i = 0; i < 200; ++i) all.push_back(StartGet(fixture.store(), "/" + std::to_string(i)));
  for (auto& answer : all) {
    const Result<RangeResponse> response = answer.get();
    if (!response.ok()) CHECK(response.error().code == ErrorCode::kUnavailable);
  }
  CHECK(StartGet(fixture.store(), "/another").get().ok());
}

}  // namespace
}  // namespace kubase::store
