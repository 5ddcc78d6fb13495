// What a selector says about an object.
#include <algorithm>
#include <optional>

#include "shim/select/label_syntax.h"
#include "shim/select/selector.h"

namespace kubase::select {
namespace {

const std::string* FieldOf(const Attributes& object, std::string_view field) {
  if (field == "metadata.name") return object.named ? &object.name : nullptr;
  if (field == "metadata.namespace") return object.named ? &object.object_namespace : nullptr;
  return object.readable ? FindValue(object.fields, field) : nullptr;
}

bool HasValue(const LabelRequirement& requirement, const std::string& value) {
  return std::binary_search(requirement.values.begin(), requirement.values.end(), value);
}

// What is not an integer is neither less nor greater.
bool IsInOrder(const LabelRequirement& requirement, const std::string& value) {
  if (requirement.values.empty()) return false;
  const std::optional<int64_t> bound = ParseInteger(requirement.values.front());
  const std::optional<int64_t> number = ParseInteger(value);
  if (!bound || !number) return false;
  return requirement.op == LabelOperator::kGreaterThan ? *number > *bound : *number < *bound;
}

}  // namespace

bool Matches(const LabelRequirement& requirement, const Attributes& object) {
  if (!object.readable) return true;
  const std::string* value = FindValue(object.labels, requirement.key);
  switch (requirement.op) {
    case LabelOperator::kIn:
      return value != nullptr && HasValue(requirement, *value);
    case LabelOperator::kNotIn:
      return value == nullptr || !HasValue(requirement, *value);
    case LabelOperator::kExists:
      return value != nullptr;
    case LabelOperator::kDoesNotExist:
      return value == nullptr;
    case LabelOperator::kGreaterThan:
    case LabelOperator::kLessThan:
      return value != nullptr && IsInOrder(requirement, *value);
  }
  return true;
}

bool Matches(const FieldRequirement& requirement, const Attributes& object) {
  const std::string* value = FieldOf(object, requirement.field);
  return value == nullptr || (*value == requirement.value) == requirement.equal;
}

bool Matches(const Selector& selector, const Attributes& object) {
  const auto holds = [&object](const auto& requirement) { return Matches(requirement, object); };
  return std::all_of(selector.labels.begin(), selector.labels.end(), holds) &&
         std::all_of(selector.fields.begin(), selector.fields.end(), holds);
}

}  // namespace kubase::select
