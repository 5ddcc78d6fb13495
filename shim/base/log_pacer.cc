#include "shim/base/log_pacer.h"

#include <utility>

namespace kubase {

std::optional<int64_t> LogPacer::Note() {
  const std::lock_guard lock(mutex_);
  const MonotonicTime now = clock_.Now();
  if (logged_ && now - *logged_ < kPause) {
    ++unlogged_;
    return std::nullopt;
  }
  logged_ = now;
  return std::exchange(unlogged_, 0);
}

void LogPacer::Reset() {
  const std::lock_guard lock(mutex_);
  logged_.reset();
  unlogged_ = 0;
}

}  // namespace kubase
