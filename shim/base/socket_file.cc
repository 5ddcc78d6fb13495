// Whoever looks at the file and replaces it holds a lock: between bind and listen a new socket
// looks like one that was left behind.
#include "shim/base/socket_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace kubase {
namespace {

constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;

Error CannotListen(const std::string& path, const std::string& why, ErrorCode code) {
  return {code, "cannot listen on " + path + ": " + why};
}

Error CannotListen(const std::string& path, int error) {
  const bool refused = error == EACCES || error == EPERM;
  return CannotListen(path, std::generic_category().message(error),
                      refused ? ErrorCode::kPermissionDenied : ErrorCode::kInternal);
}

Error IsTaken(const std::string& path) {
  return CannotListen(path, "another process listens there", ErrorCode::kAlreadyExists);
}

Result<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return CannotListen(path,
                        "the path of a socket has 1 to " +
                            std::to_string(sizeof(address.sun_path) - 1) +
                            " bytes; choose a shorter one",
                        ErrorCode::kInvalidArgument);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// A file beside the socket that exists while its one holder replaces the socket.
class ReplacementLock {
 public:
  static Result<ReplacementLock> Take(const std::string& socket_path) {
    ReplacementLock lock(socket_path + ".lock");
    while (true) {
      lock.fd_ =
          OwnedFd(open(lock.path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
      if (!lock.fd_.valid()) {
        return CannotListen(
            socket_path,
            "cannot open its lock " + lock.path_ + ": " + std::generic_category().message(errno),
            ErrorCode::kPermissionDenied);
      }
      const bool locked = flock(lock.fd_.get(), LOCK_EX | LOCK_NB) == 0;
      if (locked && lock.IsStillThere()) return lock;
      const int error = locked ? 0 : errno;
      lock.fd_.Reset();
      if (error == EWOULDBLOCK) return IsTaken(socket_path);
      if (error != 0 && error != EINTR) return CannotListen(socket_path, error);
    }
  }
  ReplacementLock(ReplacementLock&&) = default;
  ReplacementLock& operator=(ReplacementLock&&) = delete;
  ~ReplacementLock() {
    if (fd_.valid()) unlink(path_.c_str());
  }

 private:
  explicit ReplacementLock(std::string path) : path_(std::move(path)) {}

  // Its last holder may have removed it between our open and our lock.
  bool IsStillThere() const {
    struct stat opened {};
    struct stat named {};
    return fstat(fd_.get(), &opened) == 0 && lstat(path_.c_str(), &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
  }

  std::string path_;
  OwnedFd fd_;
};

// As a killed process leaves it.
Result<void> RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return errno == ENOENT ? Ok() : CannotListen(path, errno);
  if (!S_ISSOCK(info.st_mode)) {
    return CannotListen(path, "there is a file that is no socket", ErrorCode::kAlreadyExists);
  }
  const OwnedFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  if (connect(probe.get(), to, sizeof(address)) == 0 || errno == EAGAIN) return IsTaken(path);
  if (errno == ECONNREFUSED && unlink(path.c_str()) == 0) return Ok();
  // Its owner, which ends, may have removed it in the meantime.
  return errno == ENOENT ? Ok() : CannotListen(path, errno);
}

}  // namespace

SocketFile::SocketFile(std::string path) : path_(std::move(path)) {
  struct stat info {};
  if (lstat(path_.c_str(), &info) != 0) path_.clear();
  device_ = info.st_dev;
  inode_ = info.st_ino;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

SocketFile::~SocketFile() {
  struct stat info {};
  if (path_.empty() || lstat(path_.c_str(), &info) != 0) return;
  if (info.st_dev == device_ && info.st_ino == inode_) unlink(path_.c_str());
}

Result<UnixListener> ListenOnSocketFile(const std::string& path, int backlog) {
  KUBASE_ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  KUBASE_ASSIGN_OR_RETURN(const ReplacementLock lock, ReplacementLock::Take(path));
  KUBASE_TRY(RemoveStale(path, address));
  OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // Before bind: Linux makes the file with the mode of the socket, so it is never open to others.
  if (!fd.valid() || fchmod(fd.get(), kOwnerOnly) != 0 ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return errno == EADDRINUSE ? IsTaken(path) : CannotListen(path, errno);
  }
  SocketFile file(path);
  if (listen(fd.get(), backlog) != 0) return CannotListen(path, errno);
  return UnixListener{std::move(fd), std::move(file)};
}

}  // namespace kubase
