// RenderKinds: the section that counts objects by kind.
//
// The most frequent kinds are a table; the others, of which a cluster can have a thousand, are
// folded away by API group.
#pragma once

#include <vector>

#include "web/html.h"
#include "web/status_source.h"

namespace kubase::web {

inline constexpr size_t kKindsShownAtOnce = 20;

// `kinds`: the most frequent first. Empty markup for none.
Html RenderKinds(const std::vector<KindCount>& kinds);

}  // namespace kubase::web
