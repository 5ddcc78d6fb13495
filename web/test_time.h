// The time at which the tests of what the page says are.
#pragma once

#include "shim/base/clock.h"

namespace kubase::web {

inline const WallTime kNow{std::chrono::seconds(1'800'000'000)};

}  // namespace kubase::web
