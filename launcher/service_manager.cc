// libsystemd does nothing when NOTIFY_SOCKET is not set. A failed notification changes nothing for
// us.
#include "launcher/service_manager.h"

#include <systemd/sd-daemon.h>

namespace kubase::launcher {

void NotifyReady(const std::string& status) {
  ::sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void NotifyStatus(const std::string& status) {
  ::sd_notify(0, ("STATUS=" + status).c_str());
}

void NotifyStopping() {
  ::sd_notify(0, "STOPPING=1\nSTATUS=stopping");
}

void NotifyAlive() {
  ::sd_notify(0, "WATCHDOG=1");
}

std::chrono::milliseconds WatchdogPatience() {
  uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) <= 0) return std::chrono::milliseconds(0);
  return std::chrono::milliseconds(microseconds / 1000);
}

}  // namespace kubase::launcher
