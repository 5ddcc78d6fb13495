// Clients of a server under test: on a socket of their own, and over gRPC.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "shim/wire/listen_address.h"
#include "shim/wire/server_fixture_test.h"

namespace kubase::wire {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

inline SocketAddress SocketAddressOf(const std::string& address) {
  SocketAddress result;
  auto& [storage, size] = result;
  if (address.starts_with("unix://")) {
    auto* unix_address = reinterpret_cast<sockaddr_un*>(&storage);
    unix_address->sun_family = AF_UNIX;
    address.copy(unix_address->sun_path, sizeof(unix_address->sun_path) - 1, 7);
    size = sizeof(sockaddr_un);
  } else {
    auto* ip = reinterpret_cast<sockaddr_in*>(&storage);
    ip->sin_family = AF_INET;
    inet_pton(AF_INET, address.substr(0, address.rfind(':')).c_str(), &ip->sin_addr);
    ip->sin_port = htons(std::stoi(address.substr(address.rfind(':') + 1)));
    size = sizeof(sockaddr_in);
  }
  return result;
}

// Reading from it, or accepting, fails after this time.
inline OwnedFd WithTimeLimit(OwnedFd fd) {
  const timeval limit{.tv_sec = 10};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  return fd;
}

inline OwnedFd SocketFor(const SocketAddress& address) {
  return WithTimeLimit(OwnedFd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)));
}

// A blocking client socket with a time limit.
inline OwnedFd Dial(const std::string& address) {
  const SocketAddress to = SocketAddressOf(address);
  OwnedFd fd = SocketFor(to);
  if (connect(fd.get(), to.get(), to.size) != 0) fd.Reset();
  return fd;
}

inline OwnedFd ListenOn(const std::string& address) {
  const SocketAddress at = SocketAddressOf(address);
  OwnedFd fd = SocketFor(at);
  REQUIRE(bind(fd.get(), at.get(), at.size) == 0);
  REQUIRE(listen(fd.get(), 16) == 0);
  return fd;
}

inline OwnedFd Accept(const OwnedFd& listening) {
  return WithTimeLimit(OwnedFd(accept(listening.get(), nullptr, nullptr)));
}

inline void SendText(const OwnedFd& fd, std::string_view text) {
  REQUIRE(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(text.size()));
}

// Everything until the server closes; the time limit shows as "timeout".
inline std::string ReadAll(const OwnedFd& fd) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t count = recv(fd.get(), buffer, sizeof(buffer), 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return "timeout";
    if (count <= 0) return text;
    text.append(buffer, static_cast<size_t>(count));
  }
}

inline std::string HttpGet(const std::string& address, const std::string& target) {
  const OwnedFd fd = Dial(address);
  REQUIRE(fd.valid());
  SendText(fd, "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
  return ReadAll(fd);
}

inline bool CanRange(const std::shared_ptr<grpc::Channel>& channel) {
  auto stub = pb::KV::NewStub(channel);
  Context context;
  pb::RangeRequest request;
  request.set_key("k");
  pb::RangeResponse response;
  return stub->Range(&context, request, &response).ok();
}

}  // namespace kubase::wire
