// What long reads cost, as what they read grows: counted, not timed. And what they see while others
// write.
#include "shim/store/cursors.h"

#include <fmt/format.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string_view>

#include "shim/base/limits.h"
#include "shim/select/selector.h"
#include "shim/store/leader_lease.h"
#include "shim/store/store_fixture_test.h"

namespace kubase::store {
namespace {

// Counts what the database gives, wanted or not.
class RowsRead final : public sql::StatementObserver {
 public:
  void OnStatement(const sql::StatementRun& run) override { rows_ += run.rows; }
  int64_t Take() { return rows_.exchange(0); }  // since the last call

 private:
  std::atomic<int64_t> rows_{0};
};

constexpr int kPairs = 20'000;
// Of a kilobyte each: three parts of a snapshot.
constexpr int kSome = 3 * static_cast<int>(limits::kSnapshotPartBytes) / 1000;

void PutPairs(StoreFixture& fixture, int pairs = kPairs) {
  const std::string value(1000, 'v');
  for (int first = 0; first < pairs; first += 100) {
    TxnRequest txn;
    for (int i = first; i < first + 100; ++i) {
      txn.success.push_back({PutRequest{.key = fmt::format("/k/{:06}", i), .value = value}});
    }
    REQUIRE(fixture.Txn(std::move(txn)).ok());
  }
}

int StreamPairs(StoreFixture& fixture, const RangeRequest& request) {
  auto cursor = Wait<std::shared_ptr<RangeCursor>>(
      [&](auto done) { fixture.store().OpenRangeCursor(request, std::move(done)); });
  REQUIRE(cursor.ok());
  int pairs = 0;
  for (bool last = false; !last;) {
    auto chunk = Wait<RangeChunk>([&](auto done) { (*cursor)->Next(std::move(done)); });
    REQUIRE(chunk.ok());
    pairs += static_cast<int>(chunk->kvs.size());
    last = chunk->last;
  }
  return pairs;
}

std::shared_ptr<ByteCursor> OpenSnapshot(StoreFixture& fixture) {
  auto cursor = Wait<std::shared_ptr<ByteCursor>>(
      [&](auto done) { fixture.store().OpenSnapshot(std::move(done)); });
  REQUIRE(cursor.ok());
  return *std::move(cursor);
}

Result<std::string> NextPart(ByteCursor& snapshot) {
  return Wait<std::string>([&](auto done) { snapshot.Next(std::move(done)); });
}

// What is left of it.
std::string ReadAll(ByteCursor& snapshot) {
  std::string bytes;
  for (std::string part = "begin"; !part.empty();) {
    auto next = NextPart(snapshot);
    REQUIRE(next.ok());
    part = *std::move(next);
    bytes += part;
  }
  return bytes;
}

// Changes every pair but the last, which it deletes; so that nothing is as it was.
void ReplaceAll(StoreFixture& fixture, int pairs) {
  for (int i = 0; i < pairs - 1; ++i) {
    REQUIRE(fixture.Put({.key = fmt::format("/k/{:06}", i), .value = "changed"}).ok());
  }
  REQUIRE(fixture.Delete({fmt::format("/k/{:06}", pairs - 1), ""}).ok());
}

// Waits for runs of a statement.
class StatementCount final : public sql::StatementObserver {
 public:
  explicit StatementCount(std::string_view name) : name_(name) {}
  void OnStatement(const sql::StatementRun& run) override {
    if (run.name != name_) return;
    const std::lock_guard lock(mutex_);
    ++runs_;
    changed_.notify_all();
  }
  void Forget() {
    const std::lock_guard lock(mutex_);
    runs_ = 0;
  }
  bool WaitForOne() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [this] { return runs_ > 0; });
  }

 private:
  const std::string_view name_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int runs_ = 0;  // guarded by mutex_
};

TEST_CASE("cursors: a stream and a snapshot read each row about once") {
  RowsRead read;
  StoreFixture fixture({}, &read);
  PutPairs(fixture);
  read.Take();
  const KeyRange all{"/k/", "/k0"};

  CHECK(StreamPairs(fixture, {.range = all}) == kPairs);
  CHECK(read.Take() < kPairs * 3 / 2);
  CHECK(StreamPairs(fixture, {.range = all, .keys_only = true}) == kPairs);
  CHECK(read.Take() < kPairs * 3 / 2);
  CHECK(StreamPairs(fixture, {.range = all, .limit = 3000}) == 3000);
  CHECK(read.Take() < 3000 * 3 / 2);
  CHECK(ReadAll(*OpenSnapshot(fixture)).size() > kPairs * 1000);
  CHECK(read.Take() < kPairs * 3 / 2);
}

TEST_CASE("cursors: a snapshot is whole though compaction passes it") {
  StatementCount compactions("compact_history");
  StoreFixture fixture({}, &compactions);
  PutPairs(fixture, kSome);
  const std::string expected = ReadAll(*OpenSnapshot(fixture));

  auto snapshot = OpenSnapshot(fixture);
  auto part = NextPart(*snapshot);
  REQUIRE(part.ok());
  ReplaceAll(fixture, kSome);
  const Revision revision = fixture.store().current_revision();
  REQUIRE(fixture.Compact(revision).ok());
  CHECK(*part + ReadAll(*snapshot) == expected);
  const auto old = fixture.Range({.range = {"/k/", "/k0"}, .revision = revision - 1});
  REQUIRE_FALSE(old.ok());
  CHECK(old.error().code == ErrorCode::kCompacted);

  compactions.Forget();
  snapshot.reset();
  CHECK(compactions.WaitForOne());
  REQUIRE(fixture.Put({.key = "/other", .value = "new"}).ok());
  REQUIRE(fixture.Compact(revision + 1).ok());
  fixture.Close();
  CHECK(fixture.data().RunScript("DELETE FROM history") == 0);
}

TEST_CASE("cursors: of a snapshot that nobody reads any more compaction takes the rows") {
  StoreFixture fixture;
  PutPairs(fixture, kSome);
  auto snapshot = OpenSnapshot(fixture);
  REQUIRE(NextPart(*snapshot).ok());
  ReplaceAll(fixture, kSome);
  fixture.clock().Advance(limits::kCompactionHoldIdleMax + std::chrono::seconds(1));
  REQUIRE(fixture.Compact(fixture.store().current_revision()).ok());
  const auto part = NextPart(*snapshot);
  REQUIRE_FALSE(part.ok());
  CHECK(part.error().code == ErrorCode::kCompacted);
}

TEST_CASE("cursors: what another leader has compacted is not in a snapshot") {
  ManualClock clock;
  LeaderLease lease(clock);
  lease.NeverEnds();
  StoreFixture fixture({.leader_lease = &lease});
  PutPairs(fixture, kSome);
  auto snapshot = OpenSnapshot(fixture);
  REQUIRE(NextPart(*snapshot).ok());
  ReplaceAll(fixture, kSome);
  REQUIRE(fixture.Compact(fixture.store().current_revision()).ok());
  REQUIRE(NextPart(*snapshot).ok());
  lease.End();
  const auto part = NextPart(*snapshot);
  REQUIRE_FALSE(part.ok());
  CHECK(part.error().code == ErrorCode::kCompacted);
}

TEST_CASE("cursors: a page of what no index decides reads about so much of what there is") {
  RowsRead read;
  StoreFixture fixture({}, &read);
  for (int first = 0; first < 5000; first += 100) {
    TxnRequest txn;
    for (int i = first; i < first + 100; ++i) {
      txn.success.push_back({PutRequest{
          .key = fmt::format("{}a/w{:06}", kWidgetsPrefix, i),
          .value = fmt::format(R"({{"metadata":{{"labels":{{"n":"{}","app":"all"}}}}}})", i)}});
    }
    REQUIRE(fixture.Txn(std::move(txn)).ok());
  }
  for (const char* labels : {"n>0", "app=all,n>0", "app!=other,n>0"}) {
    CAPTURE(labels);
    auto selector = select::ParseSelector(labels, "");
    REQUIRE(selector.ok());
    const RangeRequest request{
        .range = kWidgets,
        .limit = 100,
        .selector = std::make_shared<const select::Selector>(std::move(selector).value())};
    read.Take();
    const auto page = fixture.Range(request);
    REQUIRE(page.ok());
    CHECK(page->kvs.size() == 100);
    CHECK(page->kvs.back()->key == kWidgetsPrefix + "a/w000100");
    CHECK(read.Take() < 1000);
    CHECK(StreamPairs(fixture, {.range = kWidgets, .selector = request.selector}) == 4999);
    CHECK(read.Take() < 5000 * 3);
  }
}

}  // namespace
}  // namespace kubase::store
