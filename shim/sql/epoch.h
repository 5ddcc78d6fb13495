// Who leads a database that several processes can reach: the one whose epoch is in `meta`.
#pragma once

#include <cstdint>

#include "shim/base/result.h"

namespace kubase::sql {

// One that nobody has had; not 0.
int64_t NewEpoch();

// What the guard of a write transaction means by its failure.
inline const Error kLedByAnother{ErrorCode::kUnavailable,
                                 "another kubase has taken over the database"};

}  // namespace kubase::sql
