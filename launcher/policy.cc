// Reads the embedded manifest and adapts its match rules.
#include "launcher/policy.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <set>

#include "launcher/policy_manifest.h"

namespace kubase::launcher {
namespace {

using nlohmann::json;

// The manifest holds strings, mappings and lists only.
json ToJson(const YAML::Node& node) {
  if (node.IsMap()) {
    json object = json::object();
    for (const auto& entry : node) object[entry.first.Scalar()] = ToJson(entry.second);
    return object;
  }
  if (node.IsSequence()) {
    json list = json::array();
    for (const YAML::Node& entry : node) list.push_back(ToJson(entry));
    return list;
  }
  return node.Scalar();
}

std::string CollectionOf(const std::string& kind) {
  static const std::map<std::string, std::string> kPlurals = {
      {"MutatingAdmissionPolicy", "mutatingadmissionpolicies"},
      {"MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"}};
  return "/apis/admissionregistration.k8s.io/v1/" + kPlurals.at(kind);
}

// The policy and its binding. The file is part of this program: if it is another, the build is
// broken.
std::vector<PolicyObject> ReadManifest() {
  std::vector<PolicyObject> objects;
  for (const YAML::Node& document : YAML::LoadAll(kPolicyManifest)) {
    json object = ToJson(document);
    objects.push_back({CollectionOf(object["kind"]), object["metadata"]["name"], object});
  }
  KUBASE_CHECK(objects.size() == 2);
  return objects;
}

bool IsLabel(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), allowed);
}

bool IsDnsName(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const size_t dot = text.find('.');
    if (!IsLabel(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

json Rule(const std::string& group, const std::string& version, json resources) {
  return {{"apiGroups", {group}},
          {"apiVersions", {version}},
          {"operations", {"CREATE"}},
          {"resources", std::move(resources)},
          {"scope", "*"}};
}

json RulesFor(const std::vector<GroupResource>& listed) {
  std::map<std::string, std::set<std::string>> by_group;
  for (const GroupResource& entry : listed) by_group[entry.group].insert(entry.resource);
  json rules = json::array();
  for (const auto& [group, resources] : by_group) rules.push_back(Rule(group, "*", resources));
  return rules;
}

Error BadChoice(std::string_view text, const std::string& why) {
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("--skip-metadata-caching: \"{}\" {}; say all, none, or RESOURCE.GROUP "
                           "like shirts.stable.example.com, several with commas",
                           text, why)};
}

Result<GroupResource> ParseResource(std::string_view text) {
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos || !IsLabel(text.substr(0, dot)) ||
      !IsDnsName(text.substr(dot + 1))) {
    return BadChoice(text, "is not a resource with its group");
  }
  GroupResource parsed{std::string(text.substr(dot + 1)), std::string(text.substr(0, dot))};
  if (IsBuiltInGroup(parsed.group)) {
    return BadChoice(text, "is built into Kubernetes, and only custom resources may be labelled");
  }
  return parsed;
}

}  // namespace

Result<SkipCachingChoice> ParseSkipCaching(std::string_view text) {
  SkipCachingChoice choice;
  if (text == "all") return choice;
  choice.mode = SkipCachingChoice::Mode::kNone;
  if (text == "none") return choice;
  choice.mode = SkipCachingChoice::Mode::kListed;
  while (true) {
    const size_t comma = text.find(',');
    KUBASE_ASSIGN_OR_RETURN(GroupResource parsed, ParseResource(text.substr(0, comma)));
    choice.listed.push_back(std::move(parsed));
    if (comma == std::string_view::npos) return choice;
    text.remove_prefix(comma + 1);
  }
}

bool IsBuiltInGroup(std::string_view group) {
  if (group.find('.') == std::string_view::npos) return true;
  const json groups =
      ReadManifest()[0].object["spec"]["matchConstraints"]["excludeResourceRules"][0]["apiGroups"];
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

Result<PolicyObjects> RenderPolicy(const SkipCachingChoice& choice,
                                   const std::vector<GroupVersion>& aggregated) {
  std::vector<PolicyObject> all = ReadManifest();
  if (choice.mode == SkipCachingChoice::Mode::kNone) return PolicyObjects{{}, std::move(all)};
  json& constraints = all[0].object["spec"]["matchConstraints"];
  if (choice.mode == SkipCachingChoice::Mode::kListed) {
    constraints["resourceRules"] = RulesFor(choice.listed);
  }
  // Sorted and without doubles, so that the same set always gives the same policy.
  for (const GroupVersion& entry : std::set<GroupVersion>(aggregated.begin(), aggregated.end())) {
    if (!IsDnsName(entry.group) || !IsLabel(entry.version)) {
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("\"{}/{}\" is not an API group and version", entry.group, entry.version)};
    }
    constraints["excludeResourceRules"].push_back(
        Rule(entry.group, entry.version, json::array({"*"})));
  }
  return PolicyObjects{std::move(all), {}};
}

}  // namespace kubase::launcher
