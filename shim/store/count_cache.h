// CountCache: how many keys a range holds, without counting them again.
//
// kube-apiserver wants the number of all keys in each page of a walk, and asks for counts by the
// minute. Two facts spare the scan. The count of a range at a revision never changes, so a page
// tells that of the next one. And the count of a range that was counted once is carried forward by
// the events of each commit. What is not known is counted by the database; a wrong answer is no
// option, so the cache knows for which revisions it may speak.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "shim/store/range_index.h"
#include "shim/store/types.h"
#include "shim/store/watch.h"

namespace kubase::store {

// Any thread.
class CountCache {
 public:
  // Everything after `revision` will be told by OnCommitted.
  explicit CountCache(Revision revision);
  ~CountCache();

  // The keys in `range` at `revision`, if that is known.
  std::optional<int64_t> Find(const KeyRange& range, Revision revision);

  // What a scan found in a snapshot at `revision`; from now on it is carried forward, if no commit
  // came in between.
  void Learn(const KeyRange& range, Revision revision, int64_t count);

  // For a walk that goes on with `range` at the same revision. Known for that revision only.
  void LearnPage(const KeyRange& range, Revision revision, int64_t count);

  // From the writer, in the order of the revisions.
  void OnCommitted(const std::vector<WatchBatch>& batches);

 private:
  using Bounds = std::pair<std::string, std::string>;
  struct Tracked;
  struct Page {
    Bounds bounds;
    Revision revision;
    int64_t count;
  };
  using Pages = std::list<Page>;

  void EvictOldest();

  mutable std::mutex mutex_;
  // All guarded by mutex_.
  Revision applied_;
  std::list<std::unique_ptr<Tracked>> tracked_;  // the most recently used first
  std::map<Bounds, std::list<std::unique_ptr<Tracked>>::iterator> by_range_;
  RangeIndex<Tracked*> index_;
  Pages pages_;  // the newest first
  std::map<std::tuple<std::string, std::string, Revision>, Pages::iterator> by_page_;
};

}  // namespace kubase::store
