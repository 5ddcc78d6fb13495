// The values are definitions of this file alone, so that a new commit compiles one file.
#include "launcher/version.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace kubase::launcher {

BuildVersion ReadBuildVersion() {
  return {.version = KUBASE_VERSION,
          .commit = KUBASE_COMMIT,
          .kubernetes_version = KUBASE_KUBERNETES_VERSION,
          .etcd_version = KUBASE_ETCD_VERSION};
}

std::string RenderVersionText(const BuildVersion& version) {
  return fmt::format("kubase {} (commit {})\nKubernetes {}{}\netcd API of {}\n", version.version,
                     version.commit, version.kubernetes_version,
                     version.has_control_plane ? "" : " (not built in)", version.etcd_version);
}

std::string RenderVersionJson(const BuildVersion& version) {
  const nlohmann::ordered_json json = {{"version", version.version},
                                       {"commit", version.commit},
                                       {"kubernetesVersion", version.kubernetes_version},
                                       {"etcdVersion", version.etcd_version},
                                       {"hasControlPlane", version.has_control_plane}};
  return json.dump(2) + "\n";
}

}  // namespace kubase::launcher
