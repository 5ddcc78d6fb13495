// The value that a selector's watchers are listed under.
#include "shim/store/watcher_group.h"

namespace kubase::store {

std::optional<DispatchKey> DispatchKeyOf(const select::Selector& selector) {
  for (const select::FieldRequirement& requirement : selector.fields) {
    // The key's own fields are no attributes.
    if (!requirement.equal || requirement.field.starts_with("metadata.")) continue;
    return DispatchKey{true, requirement.field, requirement.value};
  }
  for (const select::LabelRequirement& requirement : selector.labels) {
    if (requirement.op != select::LabelOperator::kIn || requirement.values.size() != 1) continue;
    return DispatchKey{false, requirement.key, requirement.values.front()};
  }
  return std::nullopt;
}

}  // namespace kubase::store
