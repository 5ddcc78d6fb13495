// File handling with system calls, because the standard streams know neither fsync nor modes.
#include "launcher/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "shim/base/owned_fd.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

ErrorCode CodeOf(int errno_value) {
  switch (errno_value) {
    case ENOENT:
      return ErrorCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::kNoSpace;
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return ErrorCode::kInvalidArgument;
    case EEXIST:
      return ErrorCode::kAlreadyExists;
    default:
      return ErrorCode::kInternal;
  }
}

Result<void> GiveTo(int fd, const fs::path& path, const FileOwner& owner) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return SystemError(errno, "look at", path);
  if (status.st_uid == owner.uid && status.st_gid == owner.gid) return Ok();
  if (fchown(fd, owner.uid, owner.gid) == 0) return Ok();
  // Users may not give a file to a group they are not in, and need not: the file is theirs.
  if (errno == EPERM && status.st_uid == owner.uid) return Ok();
  return SystemError(errno, "change the owner of", path);
}

Result<void> FillTemporary(int fd, const fs::path& path, std::string_view content,
                           const FileAttributes& attributes) {
  // The owner before the mode and the mode before the content: a secret is never readable by
  // others.
  if (attributes.owner) KUBASE_TRY(GiveTo(fd, path, *attributes.owner));
  if (fchmod(fd, attributes.mode) != 0) return SystemError(errno, "change the mode of", path);
  KUBASE_TRY(WriteAll(fd, content, path));
  if (fsync(fd) != 0) return SystemError(errno, "sync", path);
  return Ok();
}

}  // namespace

Error SystemError(int errno_value, std::string_view what, const fs::path& path) {
  return Error{CodeOf(errno_value), fmt::format("cannot {} {}: {}", what, path.string(),
                                                std::generic_category().message(errno_value))};
}

Result<void> WriteAll(int fd, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return SystemError(errno, "write", path);
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  return Ok();
}

Result<void> SyncDirectory(const fs::path& path) {
  const OwnedFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return SystemError(errno, "open", path);
  if (fsync(fd.get()) != 0) return SystemError(errno, "sync", path);
  return Ok();
}

Result<void> WriteFileAtomically(const fs::path& path, std::string_view content,
                                 const FileAttributes& attributes) {
  std::string temporary = path.string() + ".XXXXXX";
  const OwnedFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return SystemError(errno, "write", path);
  Result<void> result = FillTemporary(fd.get(), path, content, attributes);
  if (result.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    result = SystemError(errno, "replace", path);
  }
  if (!result.ok()) {
    unlink(temporary.c_str());  // best effort: the error that matters is already known
    return result;
  }
  return SyncDirectory(path.parent_path());
}

Result<std::string> ReadWholeFile(const fs::path& path, size_t bytes_max) {
  // Non-blocking, so that a pipe in the file's place is refused instead of waited for.
  const OwnedFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return SystemError(errno, "read", path);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return SystemError(errno, "read", path);
  if (!S_ISREG(status.st_mode)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("cannot read {}: it is not a regular file", path.string())};
  }
  std::string content;
  std::string part(64 * 1024, '\0');
  while (true) {
    const ssize_t count = read(fd.get(), part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError(errno, "read", path);
    if (count == 0) return content;
    content.append(part, 0, static_cast<size_t>(count));
    if (content.size() > bytes_max) {
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("cannot read {}: it is larger than {} bytes", path.string(), bytes_max)};
    }
  }
}

Result<void> CreateDirectory(const fs::path& path, mode_t mode) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return Ok();
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("cannot use {} as a directory: it is a file", path.string())};
  }
  if (errno != ENOENT) return SystemError(errno, "create", path);
  if (path.has_parent_path() && path.parent_path() != path) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) return SystemError(error.value(), "create", path.parent_path());
  }
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return SystemError(errno, "create", path);
  // mkdir's mode is cut by the umask of whoever calls.
  if (chmod(path.c_str(), mode) != 0) return SystemError(errno, "change the mode of", path);
  return Ok();
}

std::string ShortHash(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  KUBASE_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) ==
               1);
  std::string hex;
  for (size_t i = 0; i < 8; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace kubase::launcher
