#include "shim/store/event_ring.h"

#include <catch2/catch.hpp>

namespace kubase::store {
namespace {

WatchBatch Batch(Revision revision, size_t value_bytes) {
  auto kv = std::make_shared<const KeyValue>(
      KeyValue{.key = "k", .value = std::string(value_bytes, 'v'), .mod_revision = revision});
  return {revision,
          {std::make_shared<const Event>(Event{Event::Type::kPut, std::move(kv), nullptr})}};
}

TEST_CASE("EventRing: gives back what was appended, from any revision it still has") {
  EventRing ring(1 << 20, 5);
  ring.Append({Batch(6, 1), Batch(7, 1), Batch(8, 1)});
  CHECK(ring.newest() == 8);
  const auto slice = ring.Read(7, 10);
  REQUIRE(slice.complete);
  REQUIRE(slice.batches.size() == 2);
  CHECK(slice.batches[0].revision == 7);
  CHECK(ring.Read(6, 2).batches.size() == 2);
  CHECK(ring.Read(9, 10).complete);
  CHECK(ring.Read(9, 10).batches.empty());
  CHECK_FALSE(ring.Read(5, 10).complete);
}

TEST_CASE("EventRing: an empty ring is complete from the next revision on only") {
  EventRing ring(1 << 20, 5);
  CHECK(ring.Read(6, 1).complete);
  CHECK_FALSE(ring.Read(5, 1).complete);
}

TEST_CASE("EventRing: drops the oldest revisions past its bytes, but keeps the newest whole") {
  EventRing ring(10'000, 1);
  for (Revision revision = 2; revision <= 20; ++revision) ring.Append({Batch(revision, 3000)});
  CHECK_FALSE(ring.Read(2, 1).complete);
  CHECK(ring.Read(20, 1).batches.size() == 1);
  ring.Append({Batch(21, 50'000)});
  CHECK(ring.Read(21, 1).batches.size() == 1);
  CHECK_FALSE(ring.Read(20, 1).complete);
}

}  // namespace
}  // namespace kubase::store
