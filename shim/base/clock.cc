// The manual clock; the system clock is inline.
#include "shim/base/clock.h"

namespace kubase {

MonotonicTime ManualClock::Now() const {
  std::lock_guard lock(mutex_);
  return MonotonicTime(elapsed_);
}

WallTime ManualClock::WallNow() const {
  std::lock_guard lock(mutex_);
  return WallTime(std::chrono::duration_cast<WallTime::duration>(elapsed_));
}

void ManualClock::Advance(std::chrono::nanoseconds by) {
  std::lock_guard lock(mutex_);
  elapsed_ += by;
}

}  // namespace kubase
