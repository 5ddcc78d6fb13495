// RenderProcesses, RenderDatabases: the sections about what kubase runs and where it stores.
#pragma once

#include <vector>

#include "web/html.h"
#include "web/status_source.h"

namespace kubase::web {

// Both give empty markup for none.
Html RenderProcesses(const std::vector<ProcessStatus>& processes);
Html RenderDatabases(const std::vector<DatabaseStatus>& databases);

}  // namespace kubase::web
