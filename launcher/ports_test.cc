// Real sockets on loopback.
#include "launcher/ports.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <future>
#include <optional>

namespace kubase::launcher {
namespace {

OwnedFd ListenOn(int port, int option) {
  OwnedFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, option, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), 1) != 0) {
    socket.Reset();
  }
  return socket;
}

TEST_CASE("ReservedPort: only a listener that shares the port gets it") {
  const auto reserved = ReservedPort::OnLoopback();
  REQUIRE(reserved.ok());
  CHECK_FALSE(ListenOn(reserved->port(), SO_REUSEADDR).valid());
  CHECK(ListenOn(reserved->port(), SO_REUSEPORT).valid());
}

TEST_CASE("CheckPortIsFree: a port in use is an error that names the flag") {
  const auto reserved = ReservedPort::OnLoopback();
  REQUIRE(reserved.ok());
  const OwnedFd listener = ListenOn(reserved->port(), SO_REUSEPORT);
  REQUIRE(listener.valid());
  const auto outcome = CheckPortIsFree("127.0.0.1", reserved->port(), "--secure-port");
  REQUIRE_FALSE(outcome.ok());
  CHECK(outcome.error().code == ErrorCode::kAlreadyExists);
  CHECK(outcome.error().message ==
        "127.0.0.1 port " + std::to_string(reserved->port()) +
            " is in use by another program, perhaps another kubase; choose a free one with "
            "--secure-port");
}

TEST_CASE("CheckPortIsFree: a free port passes and stays free") {
  int port = 0;
  {
    const auto reserved = ReservedPort::OnLoopback();
    port = reserved->port();
  }
  CHECK(CheckPortIsFree("127.0.0.1", port, "--secure-port").ok());
  CHECK(CheckPortIsFree("127.0.0.1", port, "--secure-port").ok());
}

TEST_CASE("WaitUntilPortIsFree: waits as long as the port is in use, and no longer") {
  auto reserved = std::make_optional(ReservedPort::OnLoopback());
  REQUIRE(reserved->ok());
  const int port = (*reserved)->port();
  OwnedFd listener = ListenOn(port, SO_REUSEPORT);
  REQUIRE(listener.valid());
  reserved.reset();
  std::future<Result<void>> waiting = std::async(std::launch::async, [port] {
    return WaitUntilPortIsFree("127.0.0.1", port, "--secure-port", std::chrono::seconds(60), {});
  });
  CHECK(waiting.wait_for(std::chrono::milliseconds(100)) == std::future_status::timeout);
  listener.Reset();
  REQUIRE(waiting.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  CHECK(waiting.get().ok());
}

TEST_CASE("WaitUntilPortIsFree: gives up with its patience or its stop token") {
  const auto reserved = ReservedPort::OnLoopback();
  REQUIRE(reserved.ok());
  const int port = reserved->port();
  OwnedFd listener = ListenOn(port, SO_REUSEPORT);
  REQUIRE(listener.valid());
  const auto wait = [port](int milliseconds, std::stop_token stop) {
    return WaitUntilPortIsFree("127.0.0.1", port, "--secure-port",
                               std::chrono::milliseconds(milliseconds), stop);
  };
  CHECK(wait(50, {}).error().code == ErrorCode::kAlreadyExists);
  std::stop_source source;
  source.request_stop();
  CHECK(wait(60'000, source.get_token()).error().code == ErrorCode::kCancelled);
}

TEST_CASE("CheckPortIsFree: an address that is not ours or none at all") {
  const auto foreign = CheckPortIsFree("192.0.2.1", 6443, "--bind-address");
  REQUIRE_FALSE(foreign.ok());
  CHECK(foreign.error().message ==
        "192.0.2.1 is not an address of this machine; give another one with --bind-address");
  const auto name = CheckPortIsFree("localhost", 6443, "--bind-address");
  REQUIRE_FALSE(name.ok());
  CHECK(name.error().code == ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace kubase::launcher
