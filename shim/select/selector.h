// Selector: the label and field selector of a list or a watch, with the meaning they have in
// Kubernetes (k8s.io/apimachinery pkg/labels and pkg/fields; tests/selectors compares the two).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"
#include "shim/select/attributes.h"

namespace kubase::select {

enum class LabelOperator { kIn, kNotIn, kExists, kDoesNotExist, kGreaterThan, kLessThan };

// `k=v` and `k==v` are kIn with one value, `k!=v` is kNotIn with one.
struct LabelRequirement {
  std::string key;
  LabelOperator op = LabelOperator::kExists;
  std::vector<std::string> values;  // sorted, each once; one for kGreaterThan and kLessThan

  bool operator==(const LabelRequirement&) const = default;
};

struct FieldRequirement {
  std::string field;
  bool equal = true;  // false: `field!=value`
  std::string value;

  bool operator==(const FieldRequirement&) const = default;
};

// All requirements have to hold. Without any everything matches.
struct Selector {
  std::vector<LabelRequirement> labels;
  std::vector<FieldRequirement> fields;

  bool empty() const { return labels.empty() && fields.empty(); }
  bool operator==(const Selector&) const = default;
};

// Either text may be empty, which selects everything. Error kInvalidArgument: the text is not a
// selector by labels.Parse or fields.ParseSelector; the message quotes it and says where and why.
Result<Selector> ParseSelector(std::string_view labels, std::string_view fields);

// As labels.Selector.Matches and fields.Selector.Matches say. What cannot be decided counts as a
// match: labels and fields of an unreadable object, and fields that are not selectable of its kind.
// metadata.name and metadata.namespace are always decided.
bool Matches(const Selector& selector, const Attributes& object);
bool Matches(const LabelRequirement& requirement, const Attributes& object);
bool Matches(const FieldRequirement& requirement, const Attributes& object);

// The two texts that ParseSelector reads back as an equal selector.
std::string LabelText(const Selector& selector);
std::string FieldText(const Selector& selector);
// Both in one, for logs and error messages: "labels a=b, fields spec.nodeName=n", or "everything".
std::string ToText(const Selector& selector);

}  // namespace kubase::select
