// The flags of a Kubernetes component: presets, and what the user says on top.
//
// A user's flag replaces the preset of the same name. Two kinds of flags add to it instead, as
// users of k3s expect: those that hold a comma-separated list, and those that may be given several
// times.
#pragma once

#include <string>
#include <vector>

#include "shim/base/result.h"

namespace kubase::launcher {

struct ComponentFlag {
  std::string name;  // without dashes
  std::string value;
  bool operator==(const ComponentFlag&) const = default;
};

// "KEY=VALUE", "--KEY=VALUE" or "KEY" (which means true). Error: kInvalidArgument naming
// `option`, the flag of kubase the text came from.
Result<ComponentFlag> ParseComponentFlag(const std::string& text, const std::string& option);

// `presets` have each name once. The order stays; flags without a preset come last, in their order.
std::vector<ComponentFlag> MergeComponentFlags(std::vector<ComponentFlag> presets,
                                               const std::vector<ComponentFlag>& from_user);

// "--name=value" for each.
std::vector<std::string> RenderComponentFlags(const std::vector<ComponentFlag>& flags);

}  // namespace kubase::launcher
