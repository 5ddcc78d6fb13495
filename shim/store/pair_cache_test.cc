#include "shim/store/pair_cache.h"

#include <catch2/catch.hpp>

namespace kubase::store {
namespace {

EventPtr Put(const std::string& key, const std::string& value, Revision revision) {
  auto kv = std::make_shared<const KeyValue>(
      KeyValue{.key = key, .value = value, .mod_revision = revision, .version = 1});
  return std::make_shared<const Event>(Event{Event::Type::kPut, kv, nullptr});
}

EventPtr Delete(const std::string& key) {
  auto kv = std::make_shared<const KeyValue>(KeyValue{.key = key});
  return std::make_shared<const Event>(Event{Event::Type::kDelete, kv, nullptr});
}

TEST_CASE("PairCache: it has what the last commit left, and forgets what it deleted") {
  PairCache cache(1 << 20);
  CHECK(!cache.Find("a"));
  cache.OnCommitted(
      {{5, {Put("a", "1", 5), Put("b", "1", 5)}}, {6, {Delete("b"), Put("a", "2", 6)}}});
  REQUIRE(cache.Find("a"));
  CHECK(cache.Find("a")->pair->value == "2");
  CHECK(cache.Find("a")->since == 6);
  CHECK(!cache.Find("b"));
}

TEST_CASE("PairCache: a snapshot that a commit has overtaken teaches nothing") {
  PairCache cache(1 << 20);
  const KeyValuePtr old = Put("a", "old", 3)->kv;
  cache.OnCommitted({{5, {Put("a", "new", 5)}}});
  cache.Learn("a", old, 4);
  CHECK(cache.Find("a")->pair->value == "new");
  cache.Learn("a", nullptr, 5);  // the same commit or a later one, which was not told yet
  CHECK(cache.Find("a")->pair == nullptr);
  cache.Learn("absent", nullptr, 5);
  CHECK(cache.Find("absent")->since == 5);
}

TEST_CASE("PairCache: it stays within its bytes and forgets what was used least") {
  PairCache cache(1 << 20);
  const std::string value(1000, 'v');
  cache.OnCommitted({{1, {Put("kept", value, 1)}}});
  for (Revision r = 2; r < 5000; ++r) {
    REQUIRE(cache.Find("kept"));
    cache.OnCommitted({{r, {Put("k" + std::to_string(r), value, r)}}});
    REQUIRE(cache.bytes() <= 1 << 20);
  }
  CHECK(!cache.Find("k2"));
  CHECK(cache.Find("k4999"));
  cache.OnCommitted({{5000, {Put("kept", std::string(1 << 20, 'v'), 5000)}}});
  CHECK(!cache.Find("kept"));  // larger than all there is room for: forgotten, not kept as it was
}

TEST_CASE("PairCache: at a revision it knows a pair that was there already") {
  PairCache cache(1 << 20);
  cache.OnCommitted({{5, {Put("a", "1", 5)}}, {7, {Put("a", "2", 7)}}});
  CHECK(cache.FindAt("a", 6) == nullptr);
  REQUIRE(cache.FindAt("a", 7) != nullptr);
  CHECK(cache.FindAt("a", 9)->value == "2");
  cache.OnCommitted({{10, {Delete("a")}}});
  CHECK(cache.FindAt("a", 9) == nullptr);
  CHECK(cache.FindAt("b", 9) == nullptr);
}

TEST_CASE("PairCache: pairs that were read together take nobody's place and go first") {
  PairCache cache(1 << 20);
  const std::string value(1000, 'v');
  cache.OnCommitted({{5, {Put("written", value, 5)}}});
  std::vector<KeyValuePtr> read = {Put("written", "older", 4)->kv};
  read.push_back(Put("huge", std::string(1 << 19, 'v'), 4)->kv);
  for (int i = 0; i < 2000; ++i) read.push_back(Put("k" + std::to_string(i), value, 4)->kv);
  cache.LearnIfRoom(read, 5);
  CHECK(cache.Find("written")->pair->value == value);
  CHECK(!cache.Find("huge"));
  CHECK(cache.Find("k0"));
  CHECK(!cache.Find("k1999"));
  CHECK(cache.bytes() > (1 << 20) * 3 / 4);  // one full shard does not end it
  CHECK(cache.bytes() <= 1 << 20);
  for (Revision r = 6; r < 5000; ++r) {
    REQUIRE(cache.Find("written"));
    cache.OnCommitted({{r, {Put("new" + std::to_string(r), value, r)}}});
  }
  CHECK(cache.Find("new4999"));
  CHECK(!cache.Find("k0"));
}

TEST_CASE("PairCache: pairs of a snapshot that a commit has overtaken are not learned") {
  PairCache cache(1 << 20);
  cache.OnCommitted({{5, {Put("a", "old", 5)}}, {6, {Delete("a")}}});
  cache.LearnIfRoom({Put("a", "old", 5)->kv}, 5);
  CHECK(!cache.Find("a"));
  cache.LearnIfRoom({Put("a", "new", 7)->kv}, 7);
  CHECK(cache.Find("a"));
}

TEST_CASE("PairCache: what lists find stays longer than what nobody asks for") {
  PairCache cache(1 << 20);
  const std::string value(1000, 'v');
  cache.OnCommitted({{1, {Put("listed", value, 1)}}});
  for (Revision r = 2; r < 5000; ++r) {
    for (int finds = 0; finds < 8; ++finds) REQUIRE(cache.FindAt("listed", r) != nullptr);
    cache.OnCommitted({{r, {Put("k" + std::to_string(r), value, r)}}});
  }
  CHECK(!cache.Find("k2"));
}

}  // namespace
}  // namespace kubase::store
