// Tells systemd how we are (sd_notify), when it started us as a service of Type=notify; else
// nothing.
#pragma once

#include <string>

namespace kubase::launcher {

// `status` is one line for `systemctl status`.
void NotifyReady(const std::string& status);
void NotifyStatus(const std::string& status);
void NotifyStopping();

}  // namespace kubase::launcher
