// RenderPage: the status page as one HTML document, a pure function of the status.
//
// Complete without scripts (it then reloads itself); page.js only refreshes it in place. It never
// lists objects, so it stays small however many the cluster has.
#pragma once

#include <string>

#include "shim/base/clock.h"
#include "web/status_source.h"

namespace kubase::web {

std::string RenderPage(const ApplianceStatus& status, WallTime now);

}  // namespace kubase::web
