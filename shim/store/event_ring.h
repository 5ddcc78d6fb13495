// EventRing: the most recent revisions with their events, bounded by bytes.
//
// The writer appends, the watch hub reads. A revision is kept or dropped whole.
#pragma once

#include <deque>
#include <mutex>
#include <vector>

#include "shim/store/types.h"
#include "shim/store/watch.h"

namespace kubase::store {

// Any thread.
class EventRing {
 public:
  // Everything after `revision` will be appended.
  EventRing(size_t bytes_max, Revision revision);

  // Revisions continue the last one without a gap.
  void Append(std::vector<WatchBatch> batches);

  // The newest revision appended.
  Revision newest() const;

  struct Slice {
    bool complete = false;  // false: `first` was dropped already; batches is empty then
    std::vector<WatchBatch> batches;
  };
  // The revisions from `first` on, at most `revisions_max` of them.
  Slice Read(Revision first, size_t revisions_max) const;

 private:
  struct Entry {
    WatchBatch batch;
    size_t bytes;
  };

  const size_t bytes_max_;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // guarded by mutex_; revisions newest_ - size + 1 .. newest_
  Revision newest_;            // guarded by mutex_
  size_t bytes_ = 0;           // guarded by mutex_
};

}  // namespace kubase::store
