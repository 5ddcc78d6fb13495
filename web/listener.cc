// Sockets of the status server.
#include "web/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

namespace kubase::web {
namespace {

constexpr int kBacklog = 128;

std::string ErrnoText(int error) {
  return std::error_code(error, std::generic_category()).message();
}

Error ListenError(const std::string& address, int error) {
  const std::string what = "cannot listen on " + address + ": " + ErrnoText(error);
  switch (error) {
    case EADDRINUSE:
      return {ErrorCode::kAlreadyExists,
              what + "; choose another address or end the program that uses it"};
    case EACCES:
    case EPERM:
      return {ErrorCode::kPermissionDenied,
              what + "; ports below 1024 and foreign directories need more rights"};
    case EADDRNOTAVAIL:
      return {ErrorCode::kInvalidArgument, what + "; this machine has no such address"};
    default:
      return {ErrorCode::kUnavailable, what};
  }
}

struct HostPort {
  std::string host;  // empty: every interface
  std::string port;
};

Result<HostPort> SplitAddress(const std::string& address) {
  const Error malformed{ErrorCode::kInvalidArgument,
                        "\"" + address +
                            "\" is no address to listen on; write HOST:PORT, for "
                            "example 127.0.0.1:8080"};
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return malformed;
  HostPort parts{address.substr(0, colon), address.substr(colon + 1)};
  const bool digits = !parts.port.empty() && parts.port.size() <= 5 &&
                      parts.port.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || std::stoi(parts.port) > 65535) return malformed;
  const bool bracketed =
      parts.host.size() > 2 && parts.host.front() == '[' && parts.host.back() == ']';
  if (bracketed) parts.host = parts.host.substr(1, parts.host.size() - 2);
  if (!bracketed && parts.host.find(':') != std::string::npos) return malformed;
  return parts;
}

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Result<Addresses> Resolve(const std::string& address, const HostPort& parts) {
  addrinfo hints{};
  // Every interface: one IPv6 socket that takes IPv4 as well.
  hints.ai_family = parts.host.empty() ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const char* host = parts.host.empty() ? nullptr : parts.host.c_str();
  const int status = getaddrinfo(host, parts.port.c_str(), &hints, &found);
  if (status != 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "cannot listen on " + address + ": " + gai_strerror(status)};
  }
  return Addresses(found, &freeaddrinfo);
}

// The bound and listening socket, or errno.
struct Bound {
  UniqueFd fd;
  int error = 0;
};

Bound BindAndListen(int family, const sockaddr* address, socklen_t length, mode_t mode) {
  UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return {UniqueFd(), errno};
  const int on = 1;
  const int off = 0;
  if (family != AF_UNIX) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  // Before bind, so that the socket file never exists with a wider mode.
  if (family == AF_UNIX && fchmod(fd.get(), mode) != 0) return {UniqueFd(), errno};
  if (bind(fd.get(), address, length) != 0 || listen(fd.get(), kBacklog) != 0) {
    return {UniqueFd(), errno};
  }
  return {std::move(fd), 0};
}

struct SocketName {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

std::optional<SocketName> LocalName(int fd) {
  SocketName name;
  if (getsockname(fd, name.get(), &name.length) != 0) return std::nullopt;
  return name;
}

std::string BoundAddress(int fd, const std::string& wanted) {
  auto name = LocalName(fd);
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (!name || getnameinfo(name->get(), name->length, host, sizeof host, port, sizeof port,
                           NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return wanted;
  }
  const bool ipv6 = name->storage.ss_family == AF_INET6;
  return (ipv6 ? "[" + std::string(host) + "]" : std::string(host)) + ":" + port;
}

bool IsLoopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
  }
  if (address.ss_family != AF_INET6) return false;
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

// Makes room for a socket file at `path`, if what is there was left behind.
Result<void> RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return Ok();  // bind reports what is wrong, if anything
  if (!S_ISSOCK(info.st_mode)) {
    return Error{ErrorCode::kAlreadyExists,
                 "cannot listen on " + path + ": a file that is no socket is in the way"};
  }
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN) {
    return Error{ErrorCode::kAlreadyExists,
                 "cannot listen on " + path + ": another process serves there; stop it first"};
  }
  if (unlink(path.c_str()) != 0) return ListenError(path, errno);
  return Ok();
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void UniqueFd::Reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Listener::Listener(UniqueFd fd, std::string address, bool is_unix)
    : fd_(std::move(fd)), address_(std::move(address)), is_unix_(is_unix) {}

Listener::~Listener() {
  // A moved-from listener has no descriptor and must not remove its successor's file.
  if (is_unix_ && fd_.get() >= 0) unlink(address_.c_str());
}

Result<Listener> Listener::Tcp(const std::string& address) {
  KUBASE_ASSIGN_OR_RETURN(const HostPort parts, SplitAddress(address));
  KUBASE_ASSIGN_OR_RETURN(const Addresses found, Resolve(address, parts));
  int error = EADDRNOTAVAIL;
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    Bound bound = BindAndListen(at->ai_family, at->ai_addr, at->ai_addrlen, 0);
    if (bound.error == 0) {
      std::string real = BoundAddress(bound.fd.get(), address);
      return Listener(std::move(bound.fd), std::move(real), false);
    }
    error = bound.error;
  }
  if (parts.host.empty() && error == EAFNOSUPPORT) return Tcp("0.0.0.0:" + parts.port);
  return ListenError(address, error);
}

Result<Listener> Listener::Unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Error{ErrorCode::kInvalidArgument, "cannot listen on \"" + path +
                                                  "\": a socket path has 1 to " +
                                                  std::to_string(sizeof address.sun_path - 1) +
                                                  " bytes; use a shorter directory"};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  KUBASE_TRY(RemoveStale(path, address));
  Bound bound =
      BindAndListen(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address, 0600);
  if (bound.error != 0) return ListenError(path, bound.error);
  return Listener(std::move(bound.fd), path, true);
}

Listener::Accepted Listener::Accept() const {
  Accepted accepted{UniqueFd(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK))};
  if (accepted.fd.get() < 0) return accepted;
  if (is_unix_) {
    accepted.reach = Reach::kUnixSocket;
    return accepted;
  }
  const int on = 1;
  setsockopt(accepted.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto name = LocalName(accepted.fd.get());
  if (name && IsLoopback(name->storage)) accepted.reach = Reach::kLoopback;
  return accepted;
}

}  // namespace kubase::web
