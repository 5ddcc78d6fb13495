// What long reads cost, as what they read grows: counted, not timed.
#include "shim/store/cursors.h"

#include <fmt/format.h>

#include <atomic>
#include <catch2/catch.hpp>

#include "shim/select/selector.h"
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

void PutPairs(StoreFixture& fixture) {
  const std::string value(1000, 'v');
  for (int first = 0; first < kPairs; first += 100) {
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

size_t SnapshotBytes(StoreFixture& fixture) {
  auto cursor = Wait<std::shared_ptr<ByteCursor>>(
      [&](auto done) { fixture.store().OpenSnapshot(std::move(done)); });
  REQUIRE(cursor.ok());
  size_t bytes = 0;
  for (std::string part = "begin"; !part.empty();) {
    auto next = Wait<std::string>([&](auto done) { (*cursor)->Next(std::move(done)); });
    REQUIRE(next.ok());
    part = *std::move(next);
    bytes += part.size();
  }
  return bytes;
}

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
  CHECK(SnapshotBytes(fixture) > kPairs * 1000);
  CHECK(read.Take() < kPairs * 3 / 2);
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
