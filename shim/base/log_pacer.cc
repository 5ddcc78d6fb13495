// A cause is remembered from its first time on, and there are as many as codes of errors.
#include "shim/base/log_pacer.h"

#include <utility>

namespace kubase {

std::optional<int64_t> LogPacer::Note(ErrorCode cause) {
  const std::lock_guard lock(mutex_);
  const MonotonicTime now = clock_.Now();
  const auto [found, is_first] = logged_.try_emplace(cause, Logged{.last = now});
  Logged& logged = found->second;
  if (!is_first && now - logged.last < kPause) {
    ++logged.unlogged;
    return std::nullopt;
  }
  logged.last = now;
  return std::exchange(logged.unlogged, 0);
}

void LogPacer::Reset() {
  const std::lock_guard lock(mutex_);
  logged_.clear();
}

}  // namespace kubase
