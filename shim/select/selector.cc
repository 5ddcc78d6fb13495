// Selectors as text, in both directions.
#include "shim/select/selector.h"

#include <utility>

#include "shim/select/field_parser.h"
#include "shim/select/label_parser.h"

namespace kubase::select {
namespace {

std::string List(const LabelRequirement& requirement) {
  std::string list;
  for (const std::string& value : requirement.values) list += (list.empty() ? "(" : ",") + value;
  return list + ")";
}

std::string TextOf(const LabelRequirement& requirement) {
  const bool is_exact = requirement.values.size() == 1;
  switch (requirement.op) {
    case LabelOperator::kIn:
      if (is_exact) return requirement.key + "=" + requirement.values[0];
      return requirement.key + " in " + List(requirement);
    case LabelOperator::kNotIn:
      if (is_exact) return requirement.key + "!=" + requirement.values[0];
      return requirement.key + " notin " + List(requirement);
    case LabelOperator::kExists:
      return requirement.key;
    case LabelOperator::kDoesNotExist:
      return "!" + requirement.key;
    case LabelOperator::kGreaterThan:
      return requirement.key + ">" + requirement.values.at(0);
    case LabelOperator::kLessThan:
      return requirement.key + "<" + requirement.values.at(0);
  }
  return {};
}

std::string TextOf(const FieldRequirement& requirement) {
  return requirement.field + (requirement.equal ? "=" : "!=") + EscapeFieldValue(requirement.value);
}

template <typename Requirement>
std::string Joined(const std::vector<Requirement>& requirements) {
  std::string text;
  for (const Requirement& requirement : requirements) {
    if (!text.empty()) text += ',';
    text += TextOf(requirement);
  }
  return text;
}

}  // namespace

Result<Selector> ParseSelector(std::string_view labels, std::string_view fields) {
  Selector selector;
  KUBASE_ASSIGN_OR_RETURN(selector.labels, ParseLabels(labels));
  KUBASE_ASSIGN_OR_RETURN(selector.fields, ParseFields(fields));
  return selector;
}

std::string LabelText(const Selector& selector) {
  return Joined(selector.labels);
}

std::string FieldText(const Selector& selector) {
  return Joined(selector.fields);
}

std::string ToText(const Selector& selector) {
  if (selector.empty()) return "everything";
  std::string text;
  if (!selector.labels.empty()) text = "labels " + LabelText(selector);
  if (!selector.fields.empty()) {
    text += (text.empty() ? "fields " : ", fields ") + FieldText(selector);
  }
  return text;
}

}  // namespace kubase::select
