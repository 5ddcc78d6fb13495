// A thread that asks, tells and waits.
#include "launcher/watchdog.h"

#include <utility>

#include "launcher/service_manager.h"
#include "shim/base/executor.h"

namespace kubase::launcher {
namespace {

// In parts of systemd's patience: it advises to tell it at half of it. A database may be slow, and
// a restart would not help, so most of the time is left to the answer; a check that failed is
// repeated soon.
constexpr int kTellEvery = 4;
constexpr int kCheckWithin = 2;
constexpr int kRepeatAfter = 16;
static_assert(1.0 / kTellEvery + 1.0 / kCheckWithin + 1.0 / kRepeatAfter < 1,
              "a check that fails is repeated in time");

}  // namespace

Watchdog::Watchdog(std::chrono::milliseconds patience, Check check, Log& log)
    : patience_(patience), check_(std::move(check)), log_(log) {
  if (patience_.count() <= 0) return;
  thread_ = std::jthread([this](const std::stop_token& stop) {
    NameThread("watchdog");
    RunThread(stop);
  });
}

Watchdog::~Watchdog() = default;

void Watchdog::RunThread(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto wait = patience_ / (CheckOnce() ? kTellEvery : kRepeatAfter);
    never_notified_.wait_for(lock, stop, wait, [] { return false; });
  }
}

bool Watchdog::CheckOnce() {
  const auto alive = check_(patience_ / kCheckWithin);
  if (alive.ok()) {
    NotifyAlive();
    if (std::exchange(silent_, false)) log_.Info("everything answers again");
    return true;
  }
  if (!std::exchange(silent_, true)) {
    log_.Error("a part of kubase does not answer; systemd will restart it if this lasts",
               {{"cause", alive.error().message}});
  }
  return false;
}

}  // namespace kubase::launcher
