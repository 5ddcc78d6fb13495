// LogPacer: when to log what may come again and again, as each failure of an outage does: the first
// time, and then at most once a minute, by itself for each cause.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "shim/base/clock.h"
#include "shim/base/result.h"

namespace kubase {

// Any thread.
class LogPacer {
 public:
  static constexpr std::chrono::minutes kPause{1};

  explicit LogPacer(const Clock& clock) : clock_(clock) {}

  // It has come again. A number: it is to be logged, and so many since the last time were not.
  std::optional<int64_t> Note(ErrorCode cause);
  // It is over: the next one is logged.
  void Reset();

 private:
  struct Logged {
    MonotonicTime last;
    int64_t unlogged = 0;
  };

  const Clock& clock_;
  std::mutex mutex_;
  std::map<ErrorCode, Logged> logged_;  // guarded by mutex_
};

}  // namespace kubase
