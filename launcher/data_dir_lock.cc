// The lock of a data directory: an open-file-description lock on a file that holds the owner's pid.
#include "launcher/data_dir_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string>

#include "launcher/files.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

struct flock WholeFile(short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  return range;
}

// 0: the owner has not written its pid yet.
pid_t ReadPid(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = pread(fd, text.data(), text.size(), 0);
  pid_t pid = 0;
  if (size > 0) std::from_chars(text.data(), text.data() + size, pid);
  return pid;
}

// A `reset` may have removed the file between our open and our lock: then another kubase could lock
// a new file of the same name.
bool IsStillThere(int fd, const fs::path& path) {
  struct stat opened {};
  struct stat named {};
  return fstat(fd, &opened) == 0 && stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

Result<void> WritePid(int fd, const fs::path& path) {
  const std::string pid = fmt::format("{}\n", getpid());
  if (ftruncate(fd, 0) != 0 ||
      pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return SystemError(errno, "write", path);
  }
  return Ok();
}

Error HeldError(int fd, const DataPaths& paths) {
  const pid_t pid = ReadPid(fd);
  const std::string who = pid > 0 ? fmt::format("process {}", pid) : "another process";
  return Error{ErrorCode::kAlreadyExists,
               fmt::format("kubase is already running on {} as {}: stop it with \"kubase down\" or "
                           "choose another --data-dir",
                           paths.root.string(), who)};
}

}  // namespace

Result<OwnedFd> LockDataDir(const DataPaths& paths) {
  constexpr int kAttemptsMax = 16;  // each means that a reset ran at the very same moment
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    OwnedFd fd(open(paths.lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return SystemError(errno, "write", paths.lock_file);
    struct flock range = WholeFile(F_WRLCK);
    if (fcntl(fd.get(), F_OFD_SETLK, &range) != 0) {
      if (errno == EAGAIN || errno == EACCES) return HeldError(fd.get(), paths);
      return SystemError(errno, "lock", paths.lock_file);
    }
    if (!IsStillThere(fd.get(), paths.lock_file)) continue;
    KUBASE_TRY(WritePid(fd.get(), paths.lock_file));
    return fd;
  }
  return Error{ErrorCode::kUnavailable,
               fmt::format("cannot lock {}: it keeps being removed", paths.lock_file.string())};
}

Result<std::optional<pid_t>> FindOwner(const DataPaths& paths) {
  const OwnedFd fd(open(paths.lock_file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<pid_t>();
    return SystemError(errno, "read", paths.lock_file);
  }
  struct flock range = WholeFile(F_RDLCK);
  if (fcntl(fd.get(), F_OFD_GETLK, &range) != 0) {
    return SystemError(errno, "look at the lock", paths.lock_file);
  }
  if (range.l_type == F_UNLCK) return std::optional<pid_t>();
  return std::optional<pid_t>(ReadPid(fd.get()));
}

}  // namespace kubase::launcher
