// Summarize: the one sentence that tells how an appliance is, from its status.
//
// A pure function, shown at the top of the page and by `kubase status`, so that both say the same.
// Down: the Kubernetes API (or the shim alone) cannot serve. Degraded: it serves, but something
// needs attention, or it is not complete yet. Healthy: neither.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shim/base/clock.h"
#include "web/status_source.h"

namespace kubase::web {

enum class Level { kHealthy, kDegraded, kDown };

struct Summary {
  Level level = Level::kHealthy;
  std::string sentence;               // "Degraded because …. There is 1 more problem."
  std::vector<std::string> problems;  // each a clause without full stop, the gravest first
};

Summary Summarize(const ApplianceStatus& status, WallTime now);

// "Healthy", "Degraded", "Down".
std::string_view LevelWord(Level level);

// "starting", "ready", "not ready", "waiting to restart", "stopped".
std::string_view StateWord(ProcessState state);

// Whole days until the certificate ends, rounded down; negative when it has ended.
int64_t DaysLeft(const CertificateStatus& certificate, WallTime now);

// Below this many days a certificate deserves a look.
inline constexpr int64_t kCertificateWarningDays = 30;

}  // namespace kubase::web
