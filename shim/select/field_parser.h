// Parses a field selector; refuses what fields.ParseSelector of k8s.io/apimachinery refuses, and no
// more.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"
#include "shim/select/selector.h"

namespace kubase::select {

// Sorted by field. Errors: as ParseSelector says.
Result<std::vector<FieldRequirement>> ParseFields(std::string_view selector);

// The value as it stands in a selector: with a backslash before each '\', ',' and '='.
std::string EscapeFieldValue(std::string_view value);

}  // namespace kubase::select
