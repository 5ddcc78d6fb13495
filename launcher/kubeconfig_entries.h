// The parts of a kubeconfig that a file of our own and a merged one have in common.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "launcher/kubeconfig.h"

namespace kubase::launcher {

// A string that must not be read as a number or a boolean, whatever it holds.
YAML::Node QuotedScalar(const std::string& text);

// The values of `cluster` and `user`, with everything embedded.
YAML::Node ClusterNode(const ClientAccess& access);
YAML::Node UserNode(const ClientAccess& access);  // holds a secret

}  // namespace kubase::launcher
