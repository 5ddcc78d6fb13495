// Plain sockets; see the header for why a reserved port is bound the way it is.
#include "launcher/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <utility>

namespace kubase::launcher {
namespace {

constexpr std::chrono::milliseconds kPortPollInterval{20};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

bool ParseAddress(const std::string& address, int port, SocketAddress& parsed) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&parsed.storage);
  if (::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
    parsed.length = sizeof *v4;
    return true;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&parsed.storage);
  if (::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) != 1) return false;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(static_cast<uint16_t>(port));
  parsed.length = sizeof *v6;
  return true;
}

void SetOption(const OwnedFd& socket, int option) {
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, option, &on, sizeof on);
}

Error CannotListen(int cause, const std::string& address, int port, const std::string& flag) {
  const std::string where = address + " port " + std::to_string(port);
  switch (cause) {
    case EADDRINUSE:
      return {ErrorCode::kAlreadyExists,
              where +
                  " is in use by another program, perhaps another kubase; choose a free one with " +
                  flag};
    case EACCES:
      return {ErrorCode::kPermissionDenied,
              "only root may listen on " + where + "; choose a port above 1023 with " + flag};
    case EADDRNOTAVAIL:
      return {ErrorCode::kInvalidArgument,
              address + " is not an address of this machine; give another one with " + flag};
    default:
      return {ErrorCode::kInternal,
              "cannot listen on " + where + " (" + flag + "): " + std::strerror(cause)};
  }
}

}  // namespace

Result<void> CheckPortIsFree(const std::string& address, int port, const std::string& flag) {
  SocketAddress wanted;
  if (!ParseAddress(address, port, wanted)) {
    return Error{ErrorCode::kInvalidArgument,
                 flag + ": \"" + address + "\" is not an IP address; give one such as 127.0.0.1"};
  }
  const OwnedFd socket(::socket(wanted.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return CannotListen(errno, address, port, flag);
  SetOption(socket, SO_REUSEADDR);  // connections of an earlier server that still linger are fine
  if (::bind(socket.get(), wanted.get(), wanted.length) != 0 || ::listen(socket.get(), 1) != 0) {
    return CannotListen(errno, address, port, flag);
  }
  return Ok();
}

Result<void> WaitUntilPortIsFree(const std::string& address, int port, const std::string& flag,
                                 std::chrono::milliseconds patience, std::stop_token stop) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::mutex mutex;
  std::condition_variable_any never_notified;  // only the stop token ends a wait early
  std::unique_lock lock(mutex);
  while (true) {
    Result<void> free = CheckPortIsFree(address, port, flag);
    const bool in_use = !free.ok() && free.error().code == ErrorCode::kAlreadyExists;
    if (!in_use || std::chrono::steady_clock::now() >= deadline) return free;
    never_notified.wait_for(lock, stop, kPortPollInterval, [] { return false; });
    if (stop.stop_requested()) return Error{ErrorCode::kCancelled, "stopped while starting"};
  }
}

Result<ReservedPort> ReservedPort::OnLoopback() {
  SocketAddress any;
  ParseAddress("127.0.0.1", 0, any);
  OwnedFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  SetOption(socket, SO_REUSEPORT);
  SocketAddress bound;
  bound.length = sizeof bound.storage;
  if (!socket.valid() || ::bind(socket.get(), any.get(), any.length) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.length) !=
          0) {
    return Error{ErrorCode::kUnavailable,
                 std::string("no free port on 127.0.0.1: ") + std::strerror(errno)};
  }
  const int port = ntohs(reinterpret_cast<const sockaddr_in*>(&bound.storage)->sin_port);
  return ReservedPort(std::move(socket), port);
}

}  // namespace kubase::launcher
