// Looking up what selectors ask for.
#include "shim/select/attributes.h"

#include <algorithm>

namespace kubase::select {

const std::string* FindValue(const NamedValues& values, std::string_view name) {
  const auto found = std::lower_bound(
      values.begin(), values.end(), name,
      [](const auto& value, std::string_view wanted) { return value.first < wanted; });
  return found != values.end() && found->first == name ? &found->second : nullptr;
}

}  // namespace kubase::select
