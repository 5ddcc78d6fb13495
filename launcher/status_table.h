// The status as text for a terminal. A pure function.
#pragma once

#include <string>

#include "shim/base/clock.h"
#include "web/status_source.h"

namespace kubase::launcher {

std::string RenderStatusTable(const web::ApplianceStatus& status, WallTime now);

}  // namespace kubase::launcher
