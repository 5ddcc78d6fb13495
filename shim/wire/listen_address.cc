// Parsing, name resolution and binding.
#include "shim/wire/listen_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <system_error>
#include <utility>

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
  OwnedFd fd(socket(candidate.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return FromErrno("cannot open a socket", errno);
  const int on = 1;
  const int off = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (candidate.ai_family == AF_INET6) {  // `:port` means both families
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  if (bind(fd.get(), candidate.ai_addr, candidate.ai_addrlen) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    return FromErrno("cannot listen on " + what, errno);
  }
  std::string bound = BoundAddress(fd.get());
  return ListeningSocket{std::move(fd), std::move(bound), {}};
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

Result<ListeningSocket> ListenUnix(const std::string& path) {
  KUBASE_ASSIGN_OR_RETURN(UnixListener listener, ListenOnSocketFile(path, kBacklog));
  return ListeningSocket{std::move(listener.fd), std::string(kUnixPrefix) + path,
                         std::move(listener.file)};
}

}  // namespace

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
