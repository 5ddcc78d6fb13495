// Random objects and selectors over a real SQLite file, against the filtering of every object.
#include "shim/store/matching_scan.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <map>

#include "shim/select/field_table.h"
#include "shim/select/object_reader.h"
#include "shim/store/kind.h"
#include "shim/store/random_widgets_test.h"
#include "shim/store/store_fixture_test.h"

namespace kubase::store {
namespace {

// A store, and everything that was ever in it.
class ScannedWidgets {
 public:
  explicit ScannedWidgets(uint32_t seed) : values_(seed) { Declare({".spec.color"}); }

  void Reopen() {
    fixture_.Close();
    fixture_.Open();
  }

  RandomWidgets& values() { return values_; }
  int Random(int below) { return values_.Random(below); }

  void Declare(const std::vector<std::string>& paths) {
    std::string fields;
    for (const std::string& path : paths) {
      fields += fmt::format(R"({}{{"jsonPath":"{}"}})", fields.empty() ? "" : ",", path);
    }
    fields_ = select::CustomFields(paths);
    Put(std::string(kDefinitionsPrefix) + "widgets.example.com",
        fmt::format(R"({{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1",)"
                    R"("metadata":{{"name":"widgets.example.com"}},"spec":{{"group":"example.com",)"
                    R"("names":{{"plural":"widgets","kind":"Widget"}},"versions":[{{"name":"v1",)"
                    R"("selectableFields":[{}]}}]}}}})",
                    fields));
  }

  void Put(const std::string& key, const std::string& value) {
    const auto put = fixture_.Put({.key = key, .value = value});
    REQUIRE(put.ok());
    present_[key] = value;
    past_[put->revision] = present_;
  }

  void Delete(const std::string& key) {
    const auto deletion = fixture_.Delete({key, ""});
    REQUIRE(deletion.ok());
    present_.erase(key);
    past_[deletion->revision] = present_;
  }

  void Compact(Revision revision) {
    if (revision <= past_.begin()->first) return;
    REQUIRE(fixture_.Compact(revision).ok());
    past_.erase(past_.begin(), past_.lower_bound(revision));
  }

  void ChangeSomething() {
    const std::string key = values_.Key();
    if (Random(12) == 0) return Delete(key);
    Put(key, values_.Value());
  }

  std::vector<std::string> Expected(const select::Selector& selector, const KeyRange& range,
                                    Revision revision) const {
    std::vector<std::string> keys;
    const auto at = revision > 0 ? std::prev(past_.upper_bound(revision)) : std::prev(past_.end());
    for (const auto& [key, value] : at->second) {
      if (!range.Contains(key)) continue;
      const auto object =
          select::ReadAttributes(*fields_, key.substr(kWidgetsPrefix.size()), value);
      if (select::Matches(selector, object)) keys.push_back(key);
    }
    return keys;
  }

  // Asks in every way there is.
  void Check(const RangeRequest& request) {
    const std::vector<std::string> all =
        Expected(*request.selector, request.range, request.revision);
    CAPTURE(select::ToText(*request.selector), request.revision, request.limit);
    const auto answer = fixture_.Range(request);
    if (!answer.ok()) FAIL(answer.error().message);
    const bool cut = request.limit > 0 && static_cast<int64_t>(all.size()) > request.limit;
    const size_t size = cut ? static_cast<size_t>(request.limit) : all.size();
    CHECK(KeysOf(answer->kvs) == std::vector<std::string>(all.begin(), all.begin() + size));
    CHECK(answer->more == cut);
    CHECK(answer->count == static_cast<int64_t>(size) + (cut ? 1 : 0));
    RangeRequest counting = request;
    counting.count_only = true;
    const auto count = fixture_.Range(counting);
    REQUIRE(count.ok());
    CHECK(count->count == static_cast<int64_t>(all.size()));
    CheckStream(request, all, size, cut);
  }

  void CheckStream(const RangeRequest& request, const std::vector<std::string>& all, size_t size,
                   bool cut) {
    auto cursor = Wait<std::shared_ptr<RangeCursor>>(
        [&](auto done) { fixture_.store().OpenRangeCursor(request, std::move(done)); });
    REQUIRE(cursor.ok());
    std::vector<std::string> keys;
    for (;;) {
      auto chunk = Wait<RangeChunk>([&](auto done) { (*cursor)->Next(std::move(done)); });
      REQUIRE(chunk.ok());
      for (const std::string& key : KeysOf(chunk->kvs)) keys.push_back(key);
      if (!chunk->last) continue;
      CHECK(chunk->more == cut);
      break;
    }
    CHECK(keys == std::vector<std::string>(all.begin(), all.begin() + size));
  }

  static std::vector<std::string> KeysOf(const std::vector<KeyValuePtr>& kvs) {
    std::vector<std::string> keys;
    for (const KeyValuePtr& kv : kvs) keys.push_back(kv->key);
    return keys;
  }

  Revision RandomRevision() {
    if (Random(2) == 0) return 0;
    auto at = past_.begin();
    std::advance(at, Random(static_cast<int>(past_.size())));
    return at->first;
  }
  Revision current() const { return past_.rbegin()->first; }

 private:
  RandomWidgets values_;
  StoreFixture fixture_;
  select::FieldTablePtr fields_;
  std::map<std::string, std::string> present_;
  std::map<Revision, std::map<std::string, std::string>> past_;  // what is not compacted
};

void RunHistory(uint32_t seed) {
  INFO("seed " << seed);
  ScannedWidgets widgets(seed);
  for (int step = 0; step < 400; ++step) {
    widgets.ChangeSomething();
    if (widgets.Random(60) == 0) widgets.Reopen();
    if (widgets.Random(80) == 0) widgets.Compact(widgets.current() - widgets.Random(20));
    if (widgets.Random(60) == 0) {
      widgets.Declare(widgets.Random(2) == 0 ? std::vector<std::string>{".spec.color"}
                                             : std::vector<std::string>{});
    }
    if (step % 3 != 0) continue;
    KeyRange range = kWidgets;
    if (widgets.Random(3) == 0) range = {kWidgetsPrefix + "b/", kWidgetsPrefix + "b0"};
    if (widgets.Random(4) == 0) range.key = kWidgetsPrefix + "b/w1";
    widgets.Check({.range = range,
                   .limit = widgets.Random(3) == 0 ? 1 + widgets.Random(9) : 0,
                   .revision = widgets.RandomRevision(),
                   .keys_only = widgets.Random(4) == 0,
                   .selector = widgets.values().Selector()});
  }
}

TEST_CASE("ScanMatching: random selectors select what the filtering of every object does") {
  for (uint32_t seed = 1; seed <= 6; ++seed) RunHistory(seed);
}

}  // namespace
}  // namespace kubase::store
