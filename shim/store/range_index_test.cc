#include "shim/store/range_index.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>

namespace kubase::store {
namespace {

std::multiset<int> Find(const RangeIndex<int>& index, const std::string& key) {
  std::multiset<int> found;
  index.ForEach(key, [&](int entry) { found.insert(entry); });
  return found;
}

TEST_CASE("RangeIndex: nested prefixes and single keys all match") {
  RangeIndex<int> index;
  index.Add({"/r/", "/r0"}, 1);
  index.Add({"/r/pods/", "/r/pods0"}, 2);
  index.Add({"/r/pods/a", ""}, 3);
  index.Add({"/r/pods/a", std::string(1, '\0')}, 4);
  CHECK(Find(index, "/r/pods/a") == std::multiset<int>{1, 2, 3, 4});
  CHECK(Find(index, "/r/nodes/a") == std::multiset<int>{1});
  CHECK(Find(index, "/z") == std::multiset<int>{4});
  CHECK(Find(index, "/").empty());
}

TEST_CASE("RangeIndex: agrees with a plain scan under random adds and removes") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto key = [&] {
    std::string text;
    for (int i = random() % 4; i >= 0; --i) text += static_cast<char>('a' + random() % 4);
    return text;
  };
  RangeIndex<int> index;
  std::map<int, KeyRange> model;
  for (int step = 0; step < 3000; ++step) {
    if (model.size() < 5 || random() % 2 == 0) {
      KeyRange range{key(), ""};
      const int kind = random() % 3;
      if (kind == 1) range.range_end = std::string(1, '\0');
      if (kind == 2) range.range_end = range.key + "z";
      index.Add(range, step);
      model[step] = range;
    } else {
      auto victim = std::next(model.begin(), random() % model.size());
      index.Remove(victim->second, victim->first);
      model.erase(victim);
    }
    const std::string probe = key();
    std::multiset<int> expected;
    for (const auto& [entry, range] : model) {
      if (range.Contains(probe)) expected.insert(entry);
    }
    REQUIRE(Find(index, probe) == expected);
  }
}

}  // namespace
}  // namespace kubase::store
