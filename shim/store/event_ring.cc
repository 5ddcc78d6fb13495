// The bounded memory of recent events.
#include "shim/store/event_ring.h"

#include <algorithm>
#include <utility>

#include "shim/base/result.h"

namespace kubase::store {
namespace {

// Strings and nodes around the payload, roughly.
constexpr size_t kPairInMemoryOverheadBytes = 192;

size_t PairBytes(const KeyValuePtr& kv) {
  return kv == nullptr ? 0 : kv->key.size() + kv->value.size() + kPairInMemoryOverheadBytes;
}

size_t BatchBytes(const WatchBatch& batch) {
  size_t bytes = sizeof(WatchBatch);
  for (const EventPtr& event : batch.events) {
    bytes += sizeof(Event) + PairBytes(event->kv) + PairBytes(event->prev);
  }
  return bytes;
}

}  // namespace

EventRing::EventRing(size_t bytes_max, Revision revision)
    : bytes_max_(bytes_max), newest_(revision) {}

void EventRing::Append(std::vector<WatchBatch> batches) {
  std::vector<Entry> dropped;  // freed outside the lock
  std::lock_guard lock(mutex_);
  for (WatchBatch& batch : batches) {
    KUBASE_CHECK(batch.revision == newest_ + 1);
    newest_ = batch.revision;
    const size_t bytes = BatchBytes(batch);
    bytes_ += bytes;
    entries_.push_back({std::move(batch), bytes});
  }
  while (bytes_ > bytes_max_ && entries_.size() > 1) {
    bytes_ -= entries_.front().bytes;
    dropped.push_back(std::move(entries_.front()));
    entries_.pop_front();
  }
}

Revision EventRing::newest() const {
  std::lock_guard lock(mutex_);
  return newest_;
}

EventRing::Slice EventRing::Read(Revision first, size_t revisions_max) const {
  std::lock_guard lock(mutex_);
  const Revision oldest = newest_ - static_cast<Revision>(entries_.size()) + 1;
  if (first < oldest) return {};
  Slice slice{.complete = true, .batches = {}};
  if (first > newest_) return slice;
  const size_t begin = first - oldest;
  const size_t end = std::min(entries_.size(), begin + revisions_max);
  slice.batches.reserve(end - begin);
  for (size_t i = begin; i < end; ++i) slice.batches.push_back(entries_[i].batch);
  return slice;
}

}  // namespace kubase::store
