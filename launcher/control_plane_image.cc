// Unpacks by zstd streaming into a temporary directory; the rename is what makes it count.
#include "launcher/control_plane_image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "launcher/files.h"
#include "shim/base/owned_fd.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExecutable = "kube-control-plane";
constexpr const char* kStamp = "unpacked";  // size and modification time of the executable
constexpr const char* kTemporaryPrefix = ".unpacking-";
constexpr std::array<const char*, 4> kNames = {"kube-apiserver", "kube-controller-manager",
                                               "kube-scheduler", "kubectl"};
constexpr const char* kWayOut =
    "choose another --data-dir or bring the executables with --control-plane-dir";
// The archive is compressed with --long=27.
constexpr int kWindowLogMax = 27;

struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

ControlPlaneBinaries BinariesIn(const fs::path& directory) {
  return {directory,
          directory / kNames[0],
          directory / kNames[1],
          directory / kNames[2],
          directory / kNames[3],
          false};
}

Error Damaged() {
  return Error{ErrorCode::kCorrupt,
               "the control plane in this kubase executable is damaged: install kubase again"};
}

Error AddWayOut(Error error, const fs::path& bin_dir) {
  error.message = fmt::format("cannot unpack the control plane into {}: {}; {}", bin_dir.string(),
                              error.message, kWayOut);
  return error;
}

// Empty: the executable cannot be looked at.
std::string StampOf(const fs::path& executable) {
  struct stat status {};
  if (lstat(executable.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return fmt::format("{} {}.{:09}\n", status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec);
}

bool IsWhole(const fs::path& directory) {
  const Result<std::string> stamp = ReadWholeFile(directory / kStamp, 4096);
  const std::string expected = StampOf(directory / kExecutable);
  if (!stamp.ok() || expected.empty() || *stamp != expected) return false;
  for (const char* name : kNames) {
    if (access((directory / name).c_str(), X_OK) != 0) return false;
  }
  return true;
}

Result<void> CheckRoom(const fs::path& bin_dir, const ControlPlaneImage& image) {
  struct statvfs space {};
  if (statvfs(bin_dir.c_str(), &space) != 0) return SystemError(errno, "look at", bin_dir);
  if ((space.f_flag & ST_NOEXEC) != 0) {
    return Error{ErrorCode::kUnsupported, "its file system is mounted noexec"};
  }
  const unsigned long long needed =
      ZSTD_getFrameContentSize(image.compressed.data(), image.compressed.size());
  if (needed == ZSTD_CONTENTSIZE_ERROR) return Damaged();
  if (needed == ZSTD_CONTENTSIZE_UNKNOWN) return Ok();  // a full disk is then found by writing
  const unsigned long long free = static_cast<unsigned long long>(space.f_bavail) *
                                  static_cast<unsigned long long>(space.f_frsize);
  constexpr unsigned long long kMiB = 1024 * 1024;
  if (free >= needed + kMiB) return Ok();
  return Error{ErrorCode::kNoSpace,
               fmt::format("it needs {} MiB and {} MiB are free", needed / kMiB + 1, free / kMiB)};
}

Result<void> Decompress(std::span<const std::byte> compressed, int fd, const fs::path& path) {
  const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context(ZSTD_createDCtx());
  KUBASE_CHECK(context != nullptr);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kWindowLogMax);
  ZSTD_inBuffer input{compressed.data(), compressed.size(), 0};
  std::vector<char> part(1 << 20);
  size_t left = 1;  // 0: the frame is complete
  while (left != 0) {
    ZSTD_outBuffer output{part.data(), part.size(), 0};
    left = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(left) != 0) return Damaged();
    KUBASE_TRY(WriteAll(fd, {part.data(), output.pos}, path));
    if (left != 0 && output.pos < part.size() && input.pos == input.size) return Damaged();
  }
  return Ok();
}

Result<void> Fill(const fs::path& directory, const ControlPlaneImage& image) {
  const fs::path executable = directory / kExecutable;
  {
    const OwnedFd fd(open(executable.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700));
    if (!fd.valid()) return SystemError(errno, "create", executable);
    KUBASE_TRY(Decompress(image.compressed, fd.get(), executable));
    if (fsync(fd.get()) != 0) return SystemError(errno, "sync", executable);
  }
  for (const char* name : kNames) {
    if (symlink(kExecutable, (directory / name).c_str()) != 0) {
      return SystemError(errno, "link", directory / name);
    }
  }
  return WriteFileAtomically(directory / kStamp, StampOf(executable), FileAttributes{});
}

Result<void> RemoveTree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return SystemError(error.value(), "remove", path);
  return Ok();
}

// Other contents and what interrupted unpacking left. Names that are neither stay.
Result<void> RemoveOthers(const fs::path& bin_dir, const std::string& digest) {
  std::error_code error;
  std::vector<fs::path> old;
  for (fs::directory_iterator entry(bin_dir, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool is_digest = name.size() == digest.size() &&
                           name.find_first_not_of("0123456789abcdef") == std::string::npos;
    if ((is_digest && name != digest) || name.starts_with(kTemporaryPrefix)) {
      old.push_back(entry->path());
    }
  }
  if (error) return SystemError(error.value(), "list", bin_dir);
  for (const fs::path& path : old) KUBASE_TRY(RemoveTree(path));
  return Ok();
}

Result<void> Unpack(const ControlPlaneImage& image, const fs::path& bin_dir) {
  KUBASE_TRY(CheckRoom(bin_dir, image));
  std::string temporary = (bin_dir / (std::string(kTemporaryPrefix) + "XXXXXX")).string();
  if (mkdtemp(temporary.data()) == nullptr) return SystemError(errno, "write", bin_dir);
  Result<void> result = Fill(temporary, image);
  const fs::path directory = bin_dir / image.digest;
  if (result.ok()) result = RemoveTree(directory);  // what is there was found to be incomplete
  if (result.ok() && rename(temporary.c_str(), directory.c_str()) != 0) {
    result = SystemError(errno, "rename", temporary);
  }
  if (!result.ok()) {
    std::error_code ignored;  // the first error is the one to tell
    fs::remove_all(temporary, ignored);
    return result;
  }
  return SyncDirectory(bin_dir);
}

}  // namespace

Result<ControlPlaneBinaries> UnpackControlPlane(const ControlPlaneImage& image,
                                                const fs::path& bin_dir) {
  if (image.compressed.empty()) {
    return Error{ErrorCode::kUnsupported,
                 "this kubase was built without a control plane: name a directory that holds "
                 "kube-apiserver and kube-controller-manager with --control-plane-dir"};
  }
  KUBASE_TRY(CreateDirectory(bin_dir, 0700));
  const fs::path directory = bin_dir / image.digest;
  ControlPlaneBinaries binaries = BinariesIn(directory);
  KUBASE_TRY(RemoveOthers(bin_dir, image.digest));
  if (!IsWhole(directory)) {
    Result<void> unpacked = Unpack(image, bin_dir);
    if (!unpacked.ok() && unpacked.error().code == ErrorCode::kCorrupt) return unpacked.error();
    if (!unpacked.ok()) return AddWayOut(std::move(unpacked).error(), bin_dir);
    binaries.unpacked_now = true;
  }
  return binaries;
}

Result<ControlPlaneBinaries> UseControlPlaneDir(const fs::path& directory) {
  std::error_code error;
  const fs::path absolute = fs::absolute(directory, error).lexically_normal();
  if (error || !fs::is_directory(absolute, error)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("--control-plane-dir {} is not a directory; give the one that holds "
                             "kube-apiserver and kube-controller-manager",
                             directory.string())};
  }
  ControlPlaneBinaries binaries = BinariesIn(absolute);
  for (fs::path* optional : {&binaries.scheduler, &binaries.kubectl}) {
    if (!fs::exists(*optional, error)) optional->clear();
  }
  for (const fs::path& path :
       {binaries.apiserver, binaries.controller_manager, binaries.scheduler, binaries.kubectl}) {
    if (path.empty()) continue;
    if (!fs::exists(path, error)) {
      return Error{
          ErrorCode::kNotFound,
          fmt::format("there is no {} in --control-plane-dir {}; put it there, or leave the "
                      "flag out to use the built-in one",
                      path.filename().string(), directory.string())};
    }
    if (fs::is_directory(path, error) || access(path.c_str(), X_OK) != 0) {
      return Error{ErrorCode::kPermissionDenied,
                   fmt::format("{} cannot be executed: make it executable, and see that its file "
                               "system is not mounted noexec",
                               path.string())};
    }
  }
  return binaries;
}

}  // namespace kubase::launcher
