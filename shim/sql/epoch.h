// Who leads a database that several processes can reach: the one whose epoch is in `meta`.
#pragma once

#include <cstdint>

namespace kubase::sql {

// Of those who do not lead; no database has it.
inline constexpr int64_t kNoEpoch = -1;

// One that nobody has had; above 0.
int64_t NewEpoch();

}  // namespace kubase::sql
