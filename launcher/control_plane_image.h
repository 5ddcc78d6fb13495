// The Kubernetes executables: unpacked from this binary, or taken from a directory of the user.
//
// One multi-call executable, zstd-compressed, named by what it is called as. It is unpacked once
// per content into a temporary directory that is renamed when whole, so that a crash or a full disk
// leaves nothing half; older contents are removed first, since a small disk has no room for both.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "shim/base/result.h"

namespace kubase::launcher {

struct ControlPlaneImage {
  std::span<const std::byte> compressed;  // one zstd frame; lives as long as the process
  std::string digest;                     // lower-case hex SHA-256 of `compressed`
};

// All of them exist and are executable.
struct ControlPlaneBinaries {
  std::filesystem::path directory;  // holds the four under these names
  std::filesystem::path apiserver;
  std::filesystem::path controller_manager;
  std::filesystem::path scheduler;
  std::filesystem::path kubectl;
  bool unpacked_now = false;  // this call unpacked it, which takes a second or two
};

// Makes sure that bin_dir/<digest> holds the image and removes other digests. A present one is
// checked by size and modification time only. Call it with the data directory locked.
// Errors, one sentence with the fix: kUnsupported (nothing is embedded, or the file system is
// mounted noexec), kNoSpace, kPermissionDenied, kCorrupt (the embedded image is damaged).
Result<ControlPlaneBinaries> UnpackControlPlane(const ControlPlaneImage& image,
                                                const std::filesystem::path& bin_dir);

// The executables in `directory` (--control-plane-dir). kube-apiserver and kube-controller-manager
// must be there and executable; kube-scheduler and kubectl are empty paths when they are not there.
// Errors: kNotFound, kPermissionDenied, kInvalidArgument (not a directory).
Result<ControlPlaneBinaries> UseControlPlaneDir(const std::filesystem::path& directory);

}  // namespace kubase::launcher
