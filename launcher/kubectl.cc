// `kubase kubectl …`: becomes the kubectl that belongs to the cluster.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <vector>

#include "launcher/control_plane_image.h"
#include "launcher/data_dir.h"
#include "launcher/signals.h"
#include "launcher/verbs.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

bool NamesKubeconfig(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](std::string_view argument) {
    return argument == "--kubeconfig" || argument.starts_with("--kubeconfig=");
  });
}

// Any that is unpacked: a kubase of another version may be at work on the directory, and its
// executables must stay where they are.
fs::path FindUnpacked(const DataPaths& paths, const ControlPlaneImage& image) {
  std::error_code error;
  const fs::path usual = paths.bin_dir / image.digest / "kubectl";
  if (!image.digest.empty() && fs::exists(usual, error)) return usual;
  for (fs::directory_iterator entry(paths.bin_dir, error), end; !error && entry != end;
       entry.increment(error)) {
    const bool is_temporary = entry->path().filename().string().starts_with(".");
    const fs::path candidate = entry->path() / "kubectl";
    if (!is_temporary && fs::exists(candidate, error)) return candidate;
  }
  return {};
}

Result<fs::path> FindKubectl(const KubectlFlags& flags, const DataPaths& paths,
                             const Program& program) {
  if (!flags.control_plane_dir.empty()) {
    KUBASE_ASSIGN_OR_RETURN(const ControlPlaneBinaries binaries,
                            UseControlPlaneDir(flags.control_plane_dir));
    if (!binaries.kubectl.empty()) return binaries.kubectl;
    return Error{ErrorCode::kNotFound, "there is no kubectl in " + flags.control_plane_dir};
  }
  if (const fs::path unpacked = FindUnpacked(paths, program.image); !unpacked.empty()) {
    return unpacked;
  }
  const auto data_dir =
      DataDir::Open(paths, program.user, {.kubase_version = program.version.version});
  if (!data_dir.ok() && data_dir.error().code == ErrorCode::kAlreadyExists) {
    return Error{ErrorCode::kNotFound,
                 "there is no kubectl in " + paths.bin_dir.string() +
                     ": the kubase at work there has a --control-plane-dir, or is just starting; "
                     "give the same --control-plane-dir right after the verb"};
  }
  if (!data_dir.ok()) return data_dir.error();
  KUBASE_ASSIGN_OR_RETURN(const ControlPlaneBinaries binaries,
                          UnpackControlPlane(program.image, paths.bin_dir));
  return binaries.kubectl;
}

Result<void> SetKubeconfig(const DataPaths& paths) {
  if (::access(paths.admin_kubeconfig.c_str(), R_OK) == 0) {
    ::setenv("KUBECONFIG", paths.admin_kubeconfig.c_str(), 1);
    return Ok();
  }
  if (errno == EACCES) {
    return Error{ErrorCode::kPermissionDenied,
                 "cannot read " + paths.admin_kubeconfig.string() +
                     "; run kubectl as the user who started the cluster"};
  }
  return Error{ErrorCode::kNotFound, "there is no cluster in " + paths.root.string() +
                                         "; start one with \"kubase up\" or name another "
                                         "--data-dir right after the verb"};
}

}  // namespace

ExitCode RunKubectl(const KubectlFlags& flags, const Program& program) {
  const auto paths = ResolvePaths(flags.data_dir, program.user);
  if (!paths.ok()) return Fail(paths.error());
  const bool is_chosen =
      NamesKubeconfig(flags.arguments) || !program.user.Variable("KUBECONFIG").empty();
  if (!is_chosen) {
    const auto set = SetKubeconfig(*paths);
    if (!set.ok()) return Fail(set.error());
  }
  const auto kubectl = FindKubectl(flags, *paths, program);
  if (!kubectl.ok()) return Fail(kubectl.error());
  std::vector<std::string> arguments = {"kubectl"};
  arguments.insert(arguments.end(), flags.arguments.begin(), flags.arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  RestoreSignals();
  ::execv(kubectl->c_str(), argv.data());
  return Fail(
      {ErrorCode::kInternal, "cannot run " + kubectl->string() + ": " + std::strerror(errno)});
}

}  // namespace kubase::launcher
