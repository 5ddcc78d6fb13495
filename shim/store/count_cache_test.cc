#include "shim/store/count_cache.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "shim/base/limits.h"

namespace kubase::store {
namespace {

EventPtr Created(const std::string& key) {
  auto kv = std::make_shared<const KeyValue>(KeyValue{.key = key, .version = 1});
  return std::make_shared<const Event>(Event{Event::Type::kPut, kv, nullptr});
}

EventPtr Changed(const std::string& key) {
  auto kv = std::make_shared<const KeyValue>(KeyValue{.key = key, .version = 2});
  return std::make_shared<const Event>(Event{Event::Type::kPut, kv, nullptr});
}

EventPtr Deleted(const std::string& key) {
  auto kv = std::make_shared<const KeyValue>(KeyValue{.key = key});
  return std::make_shared<const Event>(Event{Event::Type::kDelete, kv, nullptr});
}

TEST_CASE("CountCache: a count is carried forward by what comes and goes in its range") {
  CountCache counts(10);
  const KeyRange range{"a", "c"};
  CHECK(!counts.Find(range, 10));
  counts.Learn(range, 10, 5);
  CHECK(counts.Find(range, 10) == 5);
  counts.OnCommitted({{11, {Created("b")}}, {12, {Changed("b")}}, {13, {Created("c")}}});
  counts.OnCommitted({{14, {Deleted("a1"), Created("a1"), Deleted("b")}}});
  CHECK(counts.Find(range, 10) == 5);
  CHECK(counts.Find(range, 11) == 6);
  CHECK(counts.Find(range, 13) == 6);
  CHECK(counts.Find(range, 14) == 5);
}

TEST_CASE("CountCache: it speaks for no revision that it cannot know") {
  CountCache counts(10);
  const KeyRange range{"a", "c"};
  counts.OnCommitted({{11, {Created("b")}}});
  counts.Learn(range, 10, 5);  // of a snapshot before the last commit
  CHECK(!counts.Find(range, 10));
  counts.Learn(range, 11, 6);
  CHECK(!counts.Find(range, 10));
  CHECK(!counts.Find(range, 12));  // committed, but not told yet
  for (Revision r = 12; r < 300; ++r) counts.OnCommitted({{r, {Created("b" + std::to_string(r))}}});
  CHECK(!counts.Find(range, 12));
  CHECK(counts.Find(range, 299) == 6 + 288);
}

TEST_CASE("CountCache: the count of a page is known for its revision only") {
  CountCache counts(10);
  counts.LearnPage({"b", "c"}, 10, 7);
  counts.OnCommitted({{11, {Created("b")}}});
  CHECK(counts.Find({"b", "c"}, 10) == 7);
  CHECK(!counts.Find({"b", "c"}, 11));
  for (size_t i = 0; i < limits::kPageCountsMax; ++i) {
    counts.LearnPage({"p" + std::to_string(i), "q"}, 11, 1);
  }
  CHECK(!counts.Find({"b", "c"}, 10));
}

TEST_CASE("CountCache: a range that ends before it starts holds nothing and is not tracked") {
  CountCache counts(10);
  counts.Learn({"c", "a"}, 10, 0);
  counts.Learn({"c", "c"}, 10, 0);
  counts.OnCommitted({{11, {Created("b"), Created("c"), Created("d")}}});
  CHECK(!counts.Find({"c", "a"}, 11));
}

TEST_CASE("CountCache: random ranges and changes agree with counting") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  CountCache counts(1);
  std::set<std::string> keys;
  const auto key = [&] { return std::string(1, static_cast<char>('a' + random() % 26)); };
  int known = 0;
  for (Revision revision = 2; revision < 5000; ++revision) {
    const std::string changed = key();
    const bool there = keys.contains(changed);
    counts.OnCommitted({{revision, {there ? Deleted(changed) : Created(changed)}}});
    there ? void(keys.erase(changed)) : void(keys.insert(changed));
    KeyRange range{key(), random() % 5 == 0 ? std::string(1, '\0') : key()};
    if (!range.IsUnbounded() && range.range_end <= range.key) continue;
    const auto end = range.IsUnbounded() ? keys.end() : keys.lower_bound(range.range_end);
    const int64_t count = std::distance(keys.lower_bound(range.key), end);
    if (const auto found = counts.Find(range, revision); found) {
      ++known;
      REQUIRE(*found == count);
    } else {
      counts.Learn(range, revision, count);
    }
  }
  CHECK(known > 100);
}

}  // namespace
}  // namespace kubase::store
