// Parsing, name resolution and binding.
#include "shim/wire/listen_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <system_error>

namespace kubase::wire {
namespace {

constexpr std::string_view kUnixPrefix = "unix://";
constexpr int kBacklog = 4096;  // a restarted apiserver reconnects a thousand clients at once

Error BadAddress(std::string_view text) {
  return {ErrorCode::kInvalidArgument,
          "\"" + std::string(text) +
              "\" is no listen address; write it as 127.0.0.1:2379, http://127.0.0.1:2379, "
              "https://127.0.0.1:2379 or unix:///path/to/socket"};
}

Error FromErrno(const std::string& what, int error) {
  const std::string message = what + ": " + std::generic_category().message(error);
  switch (error) {
    case EADDRINUSE:
      return {ErrorCode::kAlreadyExists, message + " (another process listens there)"};
    case EACCES:
    case EPERM:
      return {ErrorCode::kPermissionDenied, message};
    default:
      return {ErrorCode::kInternal, message};
  }
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

Result<OwnedFd> OpenSocket(int family) {
  OwnedFd fd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return FromErrno("cannot open a socket", errno);
  return fd;
}

Result<void> BindAndListen(int fd, const sockaddr* address, socklen_t size,
                           const std::string& what) {
  if (bind(fd, address, size) != 0 || listen(fd, kBacklog) != 0) {
    return FromErrno("cannot listen on " + what, errno);
  }
  return Ok();
}

std::string BoundAddress(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host, sizeof(host), port,
                  sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown";
  }
  const std::string name = address.ss_family == AF_INET6 ? "[" + std::string(host) + "]" : host;
  return name + ":" + port;
}

Result<ListeningSocket> ListenOn(const addrinfo& candidate, const std::string& what) {
  KUBASE_ASSIGN_OR_RETURN(OwnedFd fd, OpenSocket(candidate.ai_family));
  const int on = 1;
  const int off = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (candidate.ai_family == AF_INET6) {  // `:port` means both families
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  KUBASE_TRY(BindAndListen(fd.get(), candidate.ai_addr, candidate.ai_addrlen, what));
  std::string bound = BoundAddress(fd.get());
  return ListeningSocket{std::move(fd), std::move(bound)};
}

Result<ListeningSocket> ListenTcp(const ListenAddress& address) {
  const std::string port = std::to_string(address.port);
  const std::string what = (address.host.empty() ? "*" : address.host) + ":" + port;
  addrinfo hints{};
  hints.ai_family = address.host.empty() ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  const char* host = address.host.empty() ? nullptr : address.host.c_str();
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host, port.c_str(), &hints, &found); error != 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "cannot listen on " + what + ": " + gai_strerror(error)};
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  Result<ListeningSocket> socket = ListenOn(*found, what);
  if (socket.ok() || !address.host.empty()) return socket;
  sockaddr_in any{};  // a machine without IPv6
  any.sin_family = AF_INET;
  any.sin_port = htons(static_cast<uint16_t>(address.port));
  addrinfo ipv4{};
  ipv4.ai_family = AF_INET;
  ipv4.ai_addr = reinterpret_cast<sockaddr*>(&any);
  ipv4.ai_addrlen = sizeof(any);
  return ListenOn(ipv4, what);
}

// Removes a socket file that nobody serves any more, as a killed process leaves it.
Result<void> RemoveStale(const sockaddr_un& address, const std::string& what) {
  struct stat info {};
  if (lstat(address.sun_path, &info) != 0) {
    return errno == ENOENT ? Ok() : FromErrno("cannot look at " + what, errno);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return Error{ErrorCode::kAlreadyExists,
                 "cannot listen on " + what + ": there is a file that is no socket"};
  }
  KUBASE_ASSIGN_OR_RETURN(OwnedFd probe, OpenSocket(AF_UNIX));
  const int connected =
      connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  if (connected == 0 || errno == EAGAIN) return FromErrno("cannot listen on " + what, EADDRINUSE);
  if (errno == ECONNREFUSED && unlink(address.sun_path) == 0) return Ok();
  return FromErrno("cannot replace " + what, errno);
}

Result<ListeningSocket> ListenUnix(const std::string& path) {
  const std::string what = std::string(kUnixPrefix) + path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Error{ErrorCode::kInvalidArgument, "the socket path " + path + " is longer than " +
                                                  std::to_string(sizeof(address.sun_path) - 1) +
                                                  " bytes; choose a shorter one"};
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  KUBASE_TRY(RemoveStale(address, what));
  KUBASE_ASSIGN_OR_RETURN(OwnedFd fd, OpenSocket(AF_UNIX));
  // Before bind: Linux makes the file with the mode of the socket, so it is never open to others.
  if (fchmod(fd.get(), S_IRUSR | S_IWUSR) != 0) {
    return FromErrno("cannot set the mode of " + what, errno);
  }
  KUBASE_TRY(
      BindAndListen(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address), what));
  return ListeningSocket{std::move(fd), what};
}

}  // namespace

void OwnedFd::Reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

ListeningSocket::~ListeningSocket() {
  if (!fd.valid()) return;  // moved away
  if (address.starts_with(kUnixPrefix)) unlink(address.c_str() + kUnixPrefix.size());
}

Result<ListenAddress> ParseListenAddress(std::string_view text) {
  ListenAddress address;
  std::string_view rest = text;
  if (TakePrefix(rest, kUnixPrefix)) {
    address.scheme = ListenAddress::Scheme::kUnix;
    address.path = std::string(rest);
    return rest.empty() ? Result<ListenAddress>(BadAddress(text)) : address;
  }
  if (TakePrefix(rest, "http://")) {
    address.scheme = ListenAddress::Scheme::kHttp;
  } else if (TakePrefix(rest, "https://")) {
    address.scheme = ListenAddress::Scheme::kHttps;
  }
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return BadAddress(text);
  std::string_view host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  constexpr int kPortMax = 65535;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || address.port < 0 ||
      address.port > kPortMax) {
    return BadAddress(text);
  }
  const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.find_first_of("/[]") != std::string_view::npos ||
      (!bracketed && host.find(':') != std::string_view::npos)) {
    return BadAddress(text);
  }
  address.host = std::string(host);
  return address;
}

Result<ListeningSocket> Listen(const ListenAddress& address) {
  return address.scheme == ListenAddress::Scheme::kUnix ? ListenUnix(address.path)
                                                        : ListenTcp(address);
}

}  // namespace kubase::wire
