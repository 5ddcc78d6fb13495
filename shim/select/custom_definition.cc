// Reads what a CustomResourceDefinition serves and makes selectable. kube-apiserver stores v1beta1,
// in which the fields stand beside the versions when these all have the same, else in them as in
// v1.
#include <set>
#include <utility>

#include "shim/select/encoding.h"
#include "shim/select/field_table.h"
#include "shim/select/json_tree.h"
#include "shim/select/object_reader.h"
#include "shim/select/wire_message.h"

namespace kubase::select {
namespace {

using Paths = std::set<std::string, std::less<>>;

constexpr std::string_view kNamespaced = "Namespaced";

constexpr std::string_view kEstablished = "Established";
constexpr std::string_view kTrue = "True";

// Numbers of k8s.io/apiextensions-apiserver pkg/apis/apiextensions/v1beta1/generated.proto; v1 has
// the same, without those that v1beta1 alone has.
constexpr uint32_t kSpec = 2;
constexpr uint32_t kGroup = 1;
constexpr uint32_t kNames = 3;
constexpr uint32_t kPlural = 1;
constexpr uint32_t kKind = 4;
constexpr uint32_t kScope = 4;
constexpr uint32_t kVersions = 7;
constexpr uint32_t kVersionName = 1;
constexpr uint32_t kVersionServed = 2;
constexpr uint32_t kSelectableFieldsOfAll = 11;
constexpr uint32_t kSelectableFields = 9;  // of a version
constexpr uint32_t kJsonPath = 1;
constexpr uint32_t kStatus = 3;
constexpr uint32_t kConditions = 1;
constexpr uint32_t kConditionType = 1;
constexpr uint32_t kConditionStatus = 2;
constexpr uint32_t kAcceptedNames = 2;

struct DefinitionTexts {
  std::string_view plural;
  std::string_view group;
  std::string_view served_kind;
  std::string_view scope;
};

std::optional<CustomDefinition> Made(const DefinitionTexts& texts, const Paths& paths,
                                     std::vector<std::string> served_versions) {
  if (texts.plural.empty() || texts.group.empty()) return std::nullopt;
  CustomDefinition definition;
  definition.resource = std::string(texts.plural) + "." + std::string(texts.group);
  definition.served_kind = texts.served_kind;
  definition.namespaced = texts.scope == kNamespaced;
  definition.served_versions = std::move(served_versions);
  definition.selectable_json_paths.assign(paths.begin(), paths.end());
  return definition;
}

// --- JSON ----------------------------------------------------------------------------------------
std::optional<std::string_view> TextAt(simdjson::dom::element root,
                                       const std::vector<std::string>& path) {
  const JsonMember member = MemberAt(root, path);
  std::string_view text;
  if (!member.present() || member.value.get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

// Calls `use` for each element of the list, until it gives false. False: so it did, or what is
// there is not a list. Nothing there is an empty list.
template <typename Use>
bool ForEachIn(simdjson::dom::element root, const std::vector<std::string>& path, Use use) {
  const JsonMember member = MemberAt(root, path);
  if (!member.present()) return !member.undecided();
  simdjson::dom::array list;
  if (member.value.get(list) != simdjson::SUCCESS) return false;
  for (const simdjson::dom::element element : list) {
    if (!use(element)) return false;
  }
  return true;
}

bool IsServed(simdjson::dom::element version) {
  const JsonMember served = MemberOf(version, "served");
  bool flag = false;
  return served.present() && served.value.get(flag) == simdjson::SUCCESS && flag;
}

// What cannot be read is not established.
std::string_view ServedKindOf(simdjson::dom::element root) {
  bool established = false;
  const auto look_at = [&established](simdjson::dom::element condition) {
    established = established || (TextAt(condition, {"type"}) == kEstablished &&
                                  TextAt(condition, {"status"}) == kTrue);
    return true;
  };
  if (!ForEachIn(root, {"status", "conditions"}, look_at) || !established) return "";
  return TextAt(root, {"status", "acceptedNames", "kind"}).value_or("");
}

std::optional<CustomDefinition> FromJson(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) return std::nullopt;
  Paths paths;
  const auto add_path = [&paths](simdjson::dom::element field) {
    const std::optional<std::string_view> path = TextAt(field, {"jsonPath"});
    if (path) paths.emplace(*path);
    return path.has_value();
  };
  std::vector<std::string> served;
  const auto add_version = [&](simdjson::dom::element version) {
    if (IsServed(version)) served.emplace_back(TextAt(version, {"name"}).value_or(""));
    return ForEachIn(version, {"selectableFields"}, add_path);
  };
  if (!ForEachIn(root, {"spec", "selectableFields"}, add_path)) return std::nullopt;
  if (!ForEachIn(root, {"spec", "versions"}, add_version)) return std::nullopt;
  const std::optional<std::string_view> plural = TextAt(root, {"spec", "names", "plural"});
  const std::optional<std::string_view> group = TextAt(root, {"spec", "group"});
  if (!plural || !group) return std::nullopt;
  return Made({*plural, *group, ServedKindOf(root), TextAt(root, {"spec", "scope"}).value_or("")},
              paths, std::move(served));
}

// --- Protobuf ------------------------------------------------------------------------------------
// Calls `use` for each embedded message of that number, until it gives false. False: so it did, or
// the message is malformed.
template <typename Use>
bool ForEachOf(std::string_view message, uint32_t number, Use use) {
  WireReader reader(message);
  while (const std::optional<WireField> field = reader.Next()) {
    if (field->number != number) continue;
    if (field->type != WireField::Type::kBytes || !use(field->bytes)) return false;
  }
  return reader.complete();
}

bool IsServed(std::string_view version) {
  const auto fields = FieldsOf(version);
  if (!fields) return false;
  const WireMember served = MemberOf(*fields, kVersionServed);
  return served.present() && served.field.varint != 0;
}

std::string_view ServedKindOf(std::string_view object) {
  const std::optional<std::string_view> status = MessageAt(object, {{kStatus}});
  bool established = false;
  const auto look_at = [&established](std::string_view condition) {
    established = established || (MessageAt(condition, {{kConditionType}}) == kEstablished &&
                                  MessageAt(condition, {{kConditionStatus}}) == kTrue);
    return true;
  };
  if (!status || !ForEachOf(*status, kConditions, look_at) || !established) return "";
  return MessageAt(*status, {{kAcceptedNames, kKind}}).value_or("");
}

// What is absent is empty, which nothing of a definition may be.
std::optional<CustomDefinition> FromProtobuf(std::string_view envelope) {
  const std::optional<std::string_view> object = ProtobufContent(envelope);
  if (!object) return std::nullopt;
  Paths paths;
  const auto add_path = [&paths](std::string_view field) {
    const std::optional<std::string_view> path = MessageAt(field, {{kJsonPath}});
    if (path) paths.emplace(*path);
    return path && !path->empty();
  };
  std::vector<std::string> served;
  const auto add_version = [&](std::string_view version) {
    if (IsServed(version)) served.emplace_back(MessageAt(version, {{kVersionName}}).value_or(""));
    return ForEachOf(version, kSelectableFields, add_path);
  };
  const std::optional<std::string_view> spec = MessageAt(*object, {{kSpec}});
  if (!spec || !ForEachOf(*spec, kSelectableFieldsOfAll, add_path) ||
      !ForEachOf(*spec, kVersions, add_version)) {
    return std::nullopt;
  }
  const std::optional<std::string_view> plural = MessageAt(*spec, {{kNames, kPlural}});
  const std::optional<std::string_view> group = MessageAt(*spec, {{kGroup}});
  if (!plural || !group) return std::nullopt;
  return Made({*plural, *group, ServedKindOf(*object), MessageAt(*spec, {{kScope}}).value_or("")},
              paths, std::move(served));
}

}  // namespace

std::optional<CustomDefinition> ReadCustomDefinition(std::string_view value) {
  switch (EncodingOf(value)) {
    case Encoding::kJson:
      return FromJson(value);
    case Encoding::kProtobuf:
      return FromProtobuf(value);
    case Encoding::kUnreadable:
    case Encoding::kForeign:
      break;
  }
  return std::nullopt;
}

}  // namespace kubase::select
