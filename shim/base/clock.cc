// The manual clock, and what steady_clock does not know.
#include "shim/base/clock.h"

#include <ctime>

namespace kubase {

MonotonicTime SystemClock::NowWithSleep() const {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);  // cannot fail: Linux has it
  return MonotonicTime(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

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
