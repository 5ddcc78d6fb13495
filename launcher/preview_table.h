// A preview of a deletion as text for a terminal. A pure function.
#pragma once

#include <string>

#include "web/preview_source.h"

namespace kubase::launcher {

std::string RenderPreviewTable(const web::Preview& preview);

}  // namespace kubase::launcher
