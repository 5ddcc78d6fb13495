// Listener: a socket that accepts connections, over TCP or a unix path.
//
// Own sockets, because cpp-httplib 0.11 answers 500 once a descriptor is above 1023, and keeps a
// thread per connection for as long as its client likes.
#pragma once

#include <string>

#include "shim/base/result.h"

namespace kubase::web {

// Owns a file descriptor. Movable; -1: none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { Reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  UniqueFd& operator=(UniqueFd&& other) noexcept;

  int get() const { return fd_; }
  void Reset();

 private:
  int fd_ = -1;
};

// How a client reached us; decides what it may see.
enum class Reach { kUnixSocket, kLoopback, kNetwork };

class Listener {
 public:
  // `address`: "host:port", "[::1]:port", ":port" for all interfaces; port 0 takes a free one.
  // kInvalidArgument: not such an address, or the host is unknown. kAlreadyExists: the port is in
  // use. kPermissionDenied, kUnavailable: the operating system refuses. The message says what to
  // do.
  static Result<Listener> Tcp(const std::string& address);

  // A socket file that only its owner may use (mode 0600). A file left behind by a process that is
  // gone is replaced. kAlreadyExists: another process listens there, or the file is no socket.
  static Result<Listener> Unix(const std::string& path);

  Listener(Listener&&) = default;
  Listener& operator=(Listener&&) = delete;
  ~Listener();  // removes the socket file

  int fd() const { return fd_.get(); }
  // "127.0.0.1:41234" with the real port, or the path.
  const std::string& address() const { return address_; }

  // A non-blocking connection, or -1 when none waits. `reach` is set with it.
  struct Accepted {
    UniqueFd fd;
    Reach reach = Reach::kNetwork;
  };
  Accepted Accept() const;

 private:
  Listener(UniqueFd fd, std::string address, bool is_unix);

  UniqueFd fd_;
  std::string address_;
  bool is_unix_;
};

}  // namespace kubase::web
