// Listening on a unix socket, whose file other processes may want or may have left behind.
#pragma once

#include <sys/types.h>

#include <string>

#include "shim/base/owned_fd.h"
#include "shim/base/result.h"

namespace kubase {

// The file of a listening socket. It is removed when this goes, unless somebody put another there.
class SocketFile {
 public:
  SocketFile() = default;  // none
  explicit SocketFile(std::string path);
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile();

 private:
  std::string path_;  // empty: none
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct UnixListener {
  OwnedFd fd;  // non-blocking, close-on-exec
  SocketFile file;
};

// Only this user can connect (mode 0600). A file that a process left behind is replaced, which only
// one of several processes does at a time. Errors: kAlreadyExists (a process listens there, or a
// file that is no socket is in the way), kInvalidArgument (too long a path), kPermissionDenied,
// kInternal.
Result<UnixListener> ListenOnSocketFile(const std::string& path, int backlog);

}  // namespace kubase
