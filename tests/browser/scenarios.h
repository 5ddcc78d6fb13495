// Appliances in typical and hostile states, for looking at the status page.
#pragma once

#include <map>
#include <string>

#include "shim/base/clock.h"
#include "web/status_source.h"

namespace kubase::web {

// By name: healthy, shim-alone, starting, degraded, down, crowded, hostile.
std::map<std::string, ApplianceStatus> MakeScenarios(WallTime now);

}  // namespace kubase::web
