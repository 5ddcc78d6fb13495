// Watchdog: tells systemd at regular times that kubase is alive (WatchdogSec=), as long as it is.
//
// systemd restarts a service that it does not hear of in time. The sign of life is therefore sent
// only after the parts of kubase have answered; one that hangs is silence, whatever else works.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/result.h"

namespace kubase::launcher {

// A time that several checks share.
class SharedTime {
 public:
  SharedTime(std::chrono::milliseconds time, const Clock& clock)
      : clock_(clock), deadline_(clock.Now() + time) {}
  std::chrono::milliseconds left() const {
    const auto left = std::chrono::floor<std::chrono::milliseconds>(deadline_ - clock_.Now());
    return std::max(left, std::chrono::milliseconds(0));
  }

 private:
  const Clock& clock_;
  const MonotonicTime deadline_;
};

class Watchdog {
 public:
  // Asks whether everything works; must return soon after `timeout`.
  using Check = std::function<Result<void>(std::chrono::milliseconds timeout)>;

  // `patience`: how long systemd waits (WatchdogPatience of service_manager.h); 0: it does not, and
  // nothing happens here either. `check` runs on the watchdog's thread; `log` must outlive this.
  Watchdog(std::chrono::milliseconds patience, Check check, Log& log);
  ~Watchdog();  // waits for a check that runs
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void RunThread(const std::stop_token& stop);
  // True: everything answered, and systemd knows.
  bool CheckOnce();

  const std::chrono::milliseconds patience_;
  const Check check_;
  Log& log_;
  bool silent_ = false;  // of the thread; so that each silence is logged once
  std::mutex mutex_;
  std::condition_variable_any never_notified_;  // only the stop token ends a wait early
  std::jthread thread_;
};

}  // namespace kubase::launcher
