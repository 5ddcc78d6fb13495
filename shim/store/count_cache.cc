// Two tables, each bounded and in the order of use.
#include "shim/store/count_cache.h"

#include <algorithm>

#include "shim/base/limits.h"

namespace kubase::store {
namespace {

// Older revisions of a tracked range that can still be answered, for readers whose snapshot is a
// few commits old.
constexpr size_t kStepsMax = 64;

struct Step {
  Revision revision;
  int64_t count;  // from this revision up to the next step
};

}  // namespace

struct CountCache::Tracked {
  KeyRange range;
  std::deque<Step> steps;  // never empty, oldest first
};

CountCache::CountCache(Revision revision) : applied_(revision) {}
CountCache::~CountCache() = default;

std::optional<int64_t> CountCache::Find(const KeyRange& range, Revision revision) {
  const std::lock_guard lock(mutex_);
  if (auto page = by_page_.find({range.key, range.range_end, revision}); page != by_page_.end()) {
    return page->second->count;
  }
  auto found = by_range_.find({range.key, range.range_end});
  if (found == by_range_.end() || revision > applied_) return std::nullopt;
  tracked_.splice(tracked_.begin(), tracked_, found->second);
  const std::deque<Step>& steps = (*found->second)->steps;
  auto after = std::upper_bound(steps.begin(), steps.end(), revision,
                                [](Revision r, const Step& step) { return r < step.revision; });
  if (after == steps.begin()) return std::nullopt;
  return std::prev(after)->count;
}

void CountCache::Learn(const KeyRange& range, Revision revision, int64_t count) {
  const std::lock_guard lock(mutex_);
  if (range.IsEmpty()) return;
  const Bounds bounds{range.key, range.range_end};
  if (revision != applied_ || by_range_.contains(bounds)) return;
  if (tracked_.size() >= limits::kTrackedCountsMax) EvictOldest();
  tracked_.push_front(std::make_unique<Tracked>(Tracked{range, {{revision, count}}}));
  by_range_.emplace(bounds, tracked_.begin());
  index_.Add(range, tracked_.front().get());
}

void CountCache::EvictOldest() {
  const KeyRange& range = tracked_.back()->range;
  index_.Remove(range, tracked_.back().get());
  by_range_.erase({range.key, range.range_end});
  tracked_.pop_back();
}

void CountCache::LearnPage(const KeyRange& range, Revision revision, int64_t count) {
  const std::lock_guard lock(mutex_);
  if (by_page_.contains({range.key, range.range_end, revision})) return;
  if (pages_.size() >= limits::kPageCountsMax) {
    const Page& oldest = pages_.back();
    by_page_.erase({oldest.bounds.first, oldest.bounds.second, oldest.revision});
    pages_.pop_back();
  }
  pages_.push_front({{range.key, range.range_end}, revision, count});
  by_page_.emplace(std::tuple{range.key, range.range_end, revision}, pages_.begin());
}

void CountCache::OnCommitted(const std::vector<WatchBatch>& batches) {
  const std::lock_guard lock(mutex_);
  for (const WatchBatch& batch : batches) {
    applied_ = batch.revision;
    if (tracked_.empty()) continue;
    for (const EventPtr& event : batch.events) {
      const int64_t by = event->KeysAdded();
      if (by == 0) continue;
      index_.ForEach(event->kv->key, [&](Tracked* tracked) {
        std::deque<Step>& steps = tracked->steps;
        const int64_t count = steps.back().count + by;
        if (steps.back().revision == batch.revision) {
          steps.back().count = count;
          return;
        }
        steps.push_back({batch.revision, count});
        if (steps.size() > kStepsMax) steps.pop_front();
      });
    }
  }
}

}  // namespace kubase::store
