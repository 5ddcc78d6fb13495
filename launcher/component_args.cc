// Merging by name; see the header for the rule.
#include "launcher/component_args.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

namespace kubase::launcher {
namespace {

constexpr std::array<std::string_view, 5> kCommaLists = {"controllers", "disable-admission-plugins",
                                                         "enable-admission-plugins",
                                                         "feature-gates", "runtime-config"};

constexpr std::array<std::string_view, 3> kRepeatableFlags = {
    "service-account-issuer", "service-account-key-file", "tls-sni-cert-key"};

template <typename Names>
bool Contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsFlagName(std::string_view name) {
  return !name.empty() && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

}  // namespace

Result<ComponentFlag> ParseComponentFlag(const std::string& text, const std::string& option) {
  const size_t dashes = std::min(text.find_first_not_of('-'), text.size());
  const size_t equals = text.find('=');
  ComponentFlag flag;
  flag.name = text.substr(dashes, equals == text.npos ? text.npos : equals - dashes);
  flag.value = equals == text.npos ? "true" : text.substr(equals + 1);
  if (dashes > 2 || !IsFlagName(flag.name)) {
    return Error{ErrorCode::kInvalidArgument,
                 option + ": \"" + text +
                     "\" is not a flag of the component; write it as KEY=VALUE, "
                     "for example v=2"};
  }
  return flag;
}

std::vector<ComponentFlag> MergeComponentFlags(std::vector<ComponentFlag> presets,
                                               const std::vector<ComponentFlag>& from_user) {
  std::vector<ComponentFlag> merged = std::move(presets);
  for (const ComponentFlag& flag : from_user) {
    const auto same_name = std::find_if(merged.begin(), merged.end(), [&flag](const auto& other) {
      return other.name == flag.name;
    });
    if (same_name == merged.end() || Contains(kRepeatableFlags, flag.name)) {
      merged.push_back(flag);
    } else if (Contains(kCommaLists, flag.name)) {
      same_name->value += "," + flag.value;
    } else {
      same_name->value = flag.value;
    }
  }
  return merged;
}

std::vector<std::string> RenderComponentFlags(const std::vector<ComponentFlag>& flags) {
  std::vector<std::string> arguments;
  for (const ComponentFlag& flag : flags) {
    arguments.push_back("--" + flag.name + "=" + flag.value);
  }
  return arguments;
}

}  // namespace kubase::launcher
