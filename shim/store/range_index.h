// RangeIndex: which of many key ranges hold a key, in O(log ranges + answer).
//
// Single keys are hashed. Other ranges cut the key space into segments, each of which lists the
// ranges that cover it; the ranges of Kubernetes (a resource, a namespace) nest, so the lists are
// short. Not thread-safe.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shim/base/result.h"
#include "shim/store/types.h"

namespace kubase::store {

// T: a cheap value with ==, unique among the entries of one range.
template <typename T>
class RangeIndex {
 public:
  // `range` must not be empty.
  void Add(const KeyRange& range, T entry) {
    KUBASE_CHECK(!range.IsEmpty());
    if (range.IsSingle()) {
      single_[range.key].push_back(entry);
      return;
    }
    for (auto* segment : SegmentsOf(range)) segment->push_back(entry);
  }

  // `entry` must have been added with the same range.
  void Remove(const KeyRange& range, T entry) {
    if (range.IsSingle()) {
      auto found = single_.find(range.key);
      Erase(found->second, entry);
      if (found->second.empty()) single_.erase(found);
      return;
    }
    for (auto* segment : SegmentsOf(range)) Erase(*segment, entry);
    MergeAt(range.key);
    if (!range.IsUnbounded()) MergeAt(range.range_end);
  }

  // Calls `visit` with each entry whose range holds `key`.
  template <typename Visit>
  void ForEach(const std::string& key, const Visit& visit) const {
    if (auto found = single_.find(key); found != single_.end()) {
      for (const T& entry : found->second) visit(entry);
    }
    auto after = segments_.upper_bound(key);
    if (after == segments_.begin()) return;
    for (const T& entry : std::prev(after)->second) visit(entry);
  }

 private:
  using Entries = std::vector<T>;

  static void Erase(Entries& entries, const T& entry) {
    entries.erase(std::find(entries.begin(), entries.end(), entry));
  }

  // Makes a segment start at `key`, with the ranges that covered it before.
  typename std::map<std::string, Entries>::iterator SplitAt(const std::string& key) {
    auto at = segments_.lower_bound(key);
    if (at != segments_.end() && at->first == key) return at;
    Entries covering = at == segments_.begin() ? Entries{} : std::prev(at)->second;
    return segments_.emplace_hint(at, key, std::move(covering));
  }

  std::vector<Entries*> SegmentsOf(const KeyRange& range) {
    auto begin = SplitAt(range.key);
    auto end = range.IsUnbounded() ? segments_.end() : SplitAt(range.range_end);
    std::vector<Entries*> segments;
    for (; begin != end; ++begin) segments.push_back(&begin->second);
    return segments;
  }

  // Drops the border at `key` when both sides are covered by the same ranges.
  void MergeAt(const std::string& key) {
    auto at = segments_.find(key);
    if (at == segments_.end()) return;
    const bool same = at == segments_.begin() ? at->second.empty()
                                              : SameEntries(std::prev(at)->second, at->second);
    if (same) segments_.erase(at);
  }

  static bool SameEntries(const Entries& a, const Entries& b) {
    return a.size() == b.size() && std::is_permutation(a.begin(), a.end(), b.begin());
  }

  std::unordered_map<std::string, Entries> single_;
  std::map<std::string, Entries> segments_;  // start of a segment -> what covers it up to the next
};

}  // namespace kubase::store
