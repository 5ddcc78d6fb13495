// Reads what is selected by from an object in JSON.
//
// The whole text is parsed, so that what kube-apiserver could not decode is never taken for
// something that it could; a parser that skips what nobody asks for does not see it. Parsing costs
// less than a microsecond a kilobyte.
#include <simdjson.h>

#include "shim/select/json_tree.h"
#include "shim/select/object_content.h"

namespace kubase::select {
namespace {

// False also when it is not certain what the object says of itself.
bool IsOfReadVersion(const FieldTable& table, simdjson::dom::element root) {
  const JsonMember member = MemberOf(root, "apiVersion");
  if (!member.present()) return !member.undecided();
  std::string_view api_version;
  return member.value.get(api_version) == simdjson::SUCCESS && table.Reads(api_version);
}

std::optional<NamedValues> LabelsIn(simdjson::dom::element root,
                                    std::vector<std::string> metadata) {
  metadata.emplace_back("labels");
  const JsonMember labels = MemberAt(root, metadata);
  if (labels.undecided()) return std::nullopt;
  NamedValues values;
  if (!labels.present()) return values;
  simdjson::dom::object object;
  if (labels.value.get(object) != simdjson::SUCCESS) return std::nullopt;
  values.reserve(object.size());
  for (auto label = object.begin(); label != object.end(); ++label) {
    std::string_view text;
    if (label.value().get(text) != simdjson::SUCCESS) return std::nullopt;
    values.emplace_back(label.key(), text);
  }
  return SortedByName(std::move(values));
}

std::optional<NamedValues> LabelsOf(const FieldTable& table, simdjson::dom::element root) {
  std::optional<NamedValues> labels = LabelsIn(root, {"metadata"});
  const std::vector<std::string>& if_none = table.decoded_labels().if_none.json;
  if (!labels || !labels->empty() || if_none.empty()) return labels;
  return LabelsIn(root, if_none);
}

// As Go prints what it decodes from it: an integer stays one if it fits, any other number is a
// float64, whose text is not worth telling.
std::optional<std::string> TextOf(simdjson::dom::element value) {
  switch (value.type()) {
    case simdjson::dom::element_type::STRING: {
      std::string_view text;
      if (value.get(text) != simdjson::SUCCESS) return std::nullopt;
      return std::string(text);
    }
    case simdjson::dom::element_type::BOOL: {
      bool flag = false;
      if (value.get(flag) != simdjson::SUCCESS) return std::nullopt;
      return flag ? "true" : "false";
    }
    case simdjson::dom::element_type::INT64: {
      int64_t number = 0;
      if (value.get(number) != simdjson::SUCCESS) return std::nullopt;
      return std::to_string(number);
    }
    default:
      return std::nullopt;
  }
}

// A built-in type has each field of one type, which what it has when absent tells; a custom
// resource has whatever is there.
bool IsOfItsType(const SelectableField& field, const FieldPlace& place,
                 simdjson::dom::element value) {
  if (place.protobuf.empty()) return true;
  if (field.absent == "false") return value.is_bool();
  if (field.absent == "0") return value.is_int64();
  return value.is_string();
}

std::optional<std::string> ValueAt(simdjson::dom::element root, const SelectableField& field,
                                   const FieldPlace& place) {
  const JsonMember member = MemberAt(root, place.json);
  if (member.undecided()) return std::nullopt;
  if (!member.present()) return std::string();
  if (!IsOfItsType(field, place, member.value)) return std::nullopt;
  return TextOf(member.value);
}

}  // namespace

std::optional<ObjectContent> ReadJson(const FieldTable& table, std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) return std::nullopt;
  if (!IsOfReadVersion(table, root)) return std::nullopt;
  std::optional<NamedValues> labels = LabelsOf(table, root);
  if (!labels) return std::nullopt;
  std::optional<NamedValues> fields =
      ValuesOf(table, [root](const SelectableField& field, const FieldPlace& place) {
        return ValueAt(root, field, place);
      });
  if (!fields) return std::nullopt;
  return ObjectContent{std::move(*labels), std::move(*fields)};
}

}  // namespace kubase::select
