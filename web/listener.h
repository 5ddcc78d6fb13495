// Listener: a socket that accepts connections, over TCP or a unix path.
//
// Own sockets, because cpp-httplib 0.11 answers 500 once a descriptor is above 1023, and keeps a
// thread per connection for as long as its client likes.
#pragma once

#include <optional>
#include <string>

#include "shim/base/owned_fd.h"
#include "shim/base/result.h"
#include "shim/base/socket_file.h"

namespace kubase::web {

// How a client reached us; decides what it may see.
enum class Reach { kUnixSocket, kLoopback, kNetwork };

class Listener {
 public:
  // `address`: "host:port", "[::1]:port", ":port" for all interfaces; port 0 takes a free one.
  // kInvalidArgument: not such an address, or the host is unknown. kAlreadyExists: the port is in
  // use. kPermissionDenied, kUnavailable: the operating system refuses. The message says what to
  // do.
  static Result<Listener> Tcp(const std::string& address);

  // As ListenOnSocketFile.
  static Result<Listener> Unix(const std::string& path);

  int fd() const { return fd_.get(); }
  // "127.0.0.1:41234" with the real port, or the path.
  const std::string& address() const { return address_; }

  // A non-blocking connection, or -1 when none waits. `reach` is set with it.
  struct Accepted {
    OwnedFd fd;
    Reach reach = Reach::kNetwork;
  };
  Accepted Accept() const;

 private:
  Listener(OwnedFd fd, std::string address, std::optional<SocketFile> file);

  OwnedFd fd_;
  std::string address_;
  std::optional<SocketFile> file_;  // of a unix socket
};

}  // namespace kubase::web
