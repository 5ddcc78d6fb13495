// Parses a label selector; refuses what labels.Parse of k8s.io/apimachinery refuses, and no more.
#pragma once

#include <string_view>
#include <vector>

#include "shim/base/result.h"
#include "shim/select/selector.h"

namespace kubase::select {

// Sorted by key. Errors: as ParseSelector says.
Result<std::vector<LabelRequirement>> ParseLabels(std::string_view selector);

}  // namespace kubase::select
