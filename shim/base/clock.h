// Clock: the only source of time, injected so that tests can turn it by hand.
//
// Monotonic time drives leases, deadlines and timers: it never jumps. Wall time is for humans and
// certificates only.
#pragma once

#include <chrono>
#include <mutex>

namespace kubase {

using MonotonicTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

// Safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime Now() const = 0;
  // It goes on while the machine sleeps: for what others do meanwhile. Of another origin than Now.
  virtual MonotonicTime NowWithSleep() const { return Now(); }
  virtual WallTime WallNow() const = 0;
};

class SystemClock final : public Clock {
 public:
  MonotonicTime Now() const override { return std::chrono::steady_clock::now(); }
  MonotonicTime NowWithSleep() const override;
  WallTime WallNow() const override { return std::chrono::system_clock::now(); }
};

// Stands still until it is advanced.
class ManualClock final : public Clock {
 public:
  MonotonicTime Now() const override;
  WallTime WallNow() const override;
  void Advance(std::chrono::nanoseconds by);

 private:
  mutable std::mutex mutex_;
  std::chrono::nanoseconds elapsed_{0};
};

}  // namespace kubase
