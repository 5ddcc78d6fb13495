// PreviewQuery as the parameters of a request, and back; Preview as JSON, and back: what
// /api/gc/preview serves and `kubase gc preview` reads.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "shim/base/result.h"
#include "web/preview_source.h"

namespace kubase::web {

inline constexpr std::string_view kPreviewPath = "/api/gc/preview";

// As cpp-httplib has them, decoded.
using QueryParameters = std::multimap<std::string, std::string>;

// kInvalidArgument: one sentence that names the parameter.
Result<PreviewQuery> ParsePreviewQuery(const QueryParameters& parameters);
// The word of a cascade, as the parameter and the flag have it; kInvalidArgument: there is none.
Result<Cascade> ParseCascade(std::string_view word);
// The path with the parameters, for GetFromSocket.
std::string PreviewTarget(const PreviewQuery& query);

// Keys as in status_json.h. Text that is not UTF-8 is repaired with U+FFFD.
std::string PreviewToJson(const Preview& preview);
// Missing keys keep their defaults and unknown ones are ignored. kInvalidArgument: not JSON, or a
// value of the wrong type.
Result<Preview> PreviewFromJson(std::string_view json);

}  // namespace kubase::web
