// What both encodings have in common.
#include "shim/select/object_content.h"

#include <algorithm>

namespace kubase::select {

std::optional<NamedValues> SortedByName(NamedValues values) {
  const auto less = [](const auto& a, const auto& b) { return a.first < b.first; };
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  std::sort(values.begin(), values.end(), less);
  if (std::adjacent_find(values.begin(), values.end(), same) != values.end()) return std::nullopt;
  return values;
}

}  // namespace kubase::select
