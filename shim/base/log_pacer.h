// LogPacer: when to log what may come again and again, as each failure of an outage does: the first
// time, and then at most once a minute.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "shim/base/clock.h"

namespace kubase {

// Any thread.
class LogPacer {
 public:
  static constexpr std::chrono::minutes kPause{1};

  explicit LogPacer(const Clock& clock) : clock_(clock) {}

  // It has come again. A number: it is to be logged, and so many since the last time were not.
  std::optional<int64_t> Note();
  // It is over: the next one is logged.
  void Reset();

 private:
  const Clock& clock_;
  std::mutex mutex_;
  std::optional<MonotonicTime> logged_;  // guarded by mutex_
  int64_t unlogged_ = 0;                 // guarded by mutex_
};

}  // namespace kubase
