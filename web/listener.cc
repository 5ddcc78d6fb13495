// Sockets of the status server.
#include "web/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

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
  OwnedFd fd;
  int error = 0;
};

Bound BindAndListen(int family, const sockaddr* address, socklen_t length) {
  OwnedFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return {OwnedFd(), errno};
  const int on = 1;
  const int off = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(fd.get(), address, length) != 0 || listen(fd.get(), kBacklog) != 0) {
    return {OwnedFd(), errno};
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

}  // namespace

Listener::Listener(OwnedFd fd, std::string address, std::optional<SocketFile> file)
    : fd_(std::move(fd)), address_(std::move(address)), file_(std::move(file)) {}

Result<Listener> Listener::Tcp(const std::string& address) {
  KUBASE_ASSIGN_OR_RETURN(const HostPort parts, SplitAddress(address));
  KUBASE_ASSIGN_OR_RETURN(const Addresses found, Resolve(address, parts));
  int error = EADDRNOTAVAIL;
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    Bound bound = BindAndListen(at->ai_family, at->ai_addr, at->ai_addrlen);
    if (bound.error == 0) {
      std::string real = BoundAddress(bound.fd.get(), address);
      return Listener(std::move(bound.fd), std::move(real), std::nullopt);
    }
    error = bound.error;
  }
  if (parts.host.empty() && error == EAFNOSUPPORT) return Tcp("0.0.0.0:" + parts.port);
  return ListenError(address, error);
}

Result<Listener> Listener::Unix(const std::string& path) {
  KUBASE_ASSIGN_OR_RETURN(UnixListener listener, ListenOnSocketFile(path, kBacklog));
  return Listener(std::move(listener.fd), path, std::move(listener.file));
}

Listener::Accepted Listener::Accept() const {
  Accepted accepted{OwnedFd(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK))};
  if (accepted.fd.get() < 0) return accepted;
  if (file_) {
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
