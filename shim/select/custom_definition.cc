// Reads which fields a CustomResourceDefinition makes selectable. kube-apiserver stores v1beta1, in
// which the fields stand beside the versions when these all have the same, else in them as in v1.
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

// Numbers of k8s.io/apiextensions-apiserver pkg/apis/apiextensions/v1beta1/generated.proto; v1 has
// the same, without those that v1beta1 alone has.
constexpr uint32_t kSpec = 2;
constexpr uint32_t kGroup = 1;
constexpr uint32_t kNames = 3;
constexpr uint32_t kPlural = 1;
constexpr uint32_t kVersions = 7;
constexpr uint32_t kSelectableFieldsOfAll = 11;
constexpr uint32_t kSelectableFields = 9;  // of a version
constexpr uint32_t kJsonPath = 1;

std::optional<CustomDefinition> Made(std::string_view plural, std::string_view group,
                                     const Paths& paths) {
  if (plural.empty() || group.empty()) return std::nullopt;
  CustomDefinition definition;
  definition.resource = std::string(plural) + "." + std::string(group);
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
  const auto add_version = [&add_path](simdjson::dom::element version) {
    return ForEachIn(version, {"selectableFields"}, add_path);
  };
  if (!ForEachIn(root, {"spec", "selectableFields"}, add_path)) return std::nullopt;
  if (!ForEachIn(root, {"spec", "versions"}, add_version)) return std::nullopt;
  const std::optional<std::string_view> plural = TextAt(root, {"spec", "names", "plural"});
  const std::optional<std::string_view> group = TextAt(root, {"spec", "group"});
  if (!plural || !group) return std::nullopt;
  return Made(*plural, *group, paths);
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
  const auto add_version = [&add_path](std::string_view version) {
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
  return Made(*plural, *group, paths);
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
