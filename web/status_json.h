// ApplianceStatus as JSON, and back: what /api/status serves and `kubase status` reads.
//
// Keys are lowerCamelCase as in Kubernetes; times are RFC 3339, sizes bytes, durations seconds.
// Keys are only ever added, so that an older reader understands a newer server and the reverse.
#pragma once

#include <string>
#include <string_view>

#include "shim/base/clock.h"
#include "shim/base/result.h"
#include "web/status_source.h"

namespace kubase::web {

// Adds the summary of `now` under "summary". Text that is not UTF-8 is repaired with U+FFFD.
std::string StatusToJson(const ApplianceStatus& status, WallTime now);

// Missing keys keep their defaults and unknown ones are ignored. kInvalidArgument: not JSON, or a
// value of the wrong type; the message says where.
Result<ApplianceStatus> StatusFromJson(std::string_view json);

}  // namespace kubase::web
