// LeaderLease: until when this process alone can have written, so that its memory knows what is
// stored.
#pragma once

#include <atomic>
#include <chrono>

#include "shim/base/clock.h"

namespace kubase::store {

// Any thread.
class LeaderLease {
 public:
  // The clock must outlive it.
  explicit LeaderLease(const Clock& clock) : clock_(clock) {}

  // To be asked after a look into memory: what was seen there was true at some time before.
  bool Holds() const { return clock_.NowWithSleep().time_since_epoch() < end_.load(); }
  // `end`: by Clock::NowWithSleep.
  void ExtendTo(MonotonicTime end) { end_ = end.time_since_epoch(); }
  // For databases that nobody else can write.
  void NeverEnds() { ExtendTo(MonotonicTime::max()); }
  void End() { ExtendTo(MonotonicTime::min()); }

 private:
  const Clock& clock_;
  std::atomic<MonotonicTime::duration> end_{MonotonicTime::duration::min()};
};

}  // namespace kubase::store
