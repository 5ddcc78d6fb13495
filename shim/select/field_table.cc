// The fields of one kind, by name.
#include "shim/select/field_table.h"

#include <algorithm>
#include <utility>

namespace kubase::select {

FieldTable::FieldTable(std::vector<SelectableField> fields, DecodedLabels decoded_labels)
    : fields_(std::move(fields)), decoded_labels_(std::move(decoded_labels)) {
  std::sort(fields_.begin(), fields_.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
}

const SelectableField* FieldTable::Find(std::string_view name) const {
  const auto found = std::lower_bound(
      fields_.begin(), fields_.end(), name,
      [](const SelectableField& field, std::string_view wanted) { return field.name < wanted; });
  return found != fields_.end() && found->name == name ? &*found : nullptr;
}

}  // namespace kubase::select
