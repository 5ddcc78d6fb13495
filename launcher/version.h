// What this binary is; the values come from the build.
#pragma once

#include <string>

namespace kubase::launcher {

struct BuildVersion {
  std::string version;             // "0.1.0"
  std::string commit;              // "unknown" when it was not built from a git clone
  std::string kubernetes_version;  // "v1.37.1", of the module that is embedded
  std::string etcd_version;        // the etcd whose API is served
  bool has_control_plane = false;  // it is embedded
};

BuildVersion ReadBuildVersion();

// "kubase 0.1.0 (commit …)" and one line per part; or one JSON object.
std::string RenderVersionText(const BuildVersion& version);
std::string RenderVersionJson(const BuildVersion& version);

}  // namespace kubase::launcher
