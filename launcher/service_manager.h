// Tells systemd how we are (sd_notify), when it started us as a service of Type=notify; else
// nothing.
#pragma once

#include <chrono>
#include <string>

namespace kubase::launcher {

// `status` is one line for `systemctl status`.
void NotifyReady(const std::string& status);
void NotifyStatus(const std::string& status);
void NotifyStopping();
// A sign of life; see watchdog.h.
void NotifyAlive();

// How long systemd waits for the next sign of life of this process; 0: it does not wait for any.
std::chrono::milliseconds WatchdogPatience();

}  // namespace kubase::launcher
