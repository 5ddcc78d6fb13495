// Listen addresses as users write them, and the sockets made from them.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "shim/base/result.h"

namespace kubase::wire {

// A file descriptor with one owner.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd() { Reset(); }
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.Release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = other.Release();
    }
    return *this;
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void Reset();

 private:
  int fd_ = -1;
};

struct ListenAddress {
  enum class Scheme { kNone, kHttp, kHttps, kUnix };
  Scheme scheme = Scheme::kNone;
  std::string host;  // empty: every address of the machine
  int port = 0;      // 0: any free one
  std::string path;  // kUnix
};

// `host:port`, `[::1]:port`, `:port`, any of these after `http://` or `https://`, and
// `unix:///path`. Errors: kInvalidArgument.
Result<ListenAddress> ParseListenAddress(std::string_view text);

// A socket that listens; takes its unix socket file away when it goes.
struct ListeningSocket {
  ListeningSocket(OwnedFd socket, std::string bound)
      : fd(std::move(socket)), address(std::move(bound)) {}
  ~ListeningSocket();
  ListeningSocket(ListeningSocket&&) = default;
  ListeningSocket& operator=(ListeningSocket&&) = delete;

  OwnedFd fd;           // non-blocking, close-on-exec
  std::string address;  // as bound: "127.0.0.1:2379", "[::1]:2379" or "unix:///path"
};

// Binds and listens. A unix socket gets mode 0600 before anybody can connect; a stale one that
// nobody serves is replaced. Errors: kAlreadyExists (in use), kPermissionDenied, kInvalidArgument
// (no such host, path too long), kInternal.
Result<ListeningSocket> Listen(const ListenAddress& address);

}  // namespace kubase::wire
