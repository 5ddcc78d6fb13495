// RestartPolicy: how long to wait before a child that ended is started again.
//
// The wait doubles with each end, from one second to half a minute, so that a child that cannot run
// costs nothing, and falls back to the first wait once the child ran for a stable minute.
#pragma once

#include <chrono>

namespace kubase::launcher {

class RestartPolicy {
 public:
  struct Options {
    std::chrono::milliseconds first_wait{1'000};
    std::chrono::milliseconds longest_wait{30'000};
    std::chrono::milliseconds stable_after{60'000};
  };

  explicit RestartPolicy(const Options& options) : options_(options) {}

  // The child ended after it had run for `ran_for`: how long to wait before it is started again.
  std::chrono::milliseconds NextWait(std::chrono::nanoseconds ran_for);

 private:
  const Options options_;
  std::chrono::milliseconds last_wait_{0};  // 0: no end since the last stable run
};

}  // namespace kubase::launcher
