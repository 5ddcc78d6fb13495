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

}  // namespace kubase::launcher
