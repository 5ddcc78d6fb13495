#include "shim/wire/front_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

namespace kubase::wire {
namespace {

TEST_CASE("FrontConnection: who goes on sending after the answer leaves the others their turn") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  FrontConnection connection(OwnedFd(ends[0]), -1, FrontConnection::Speech::kMixed, {});
  const OwnedFd client(ends[1]);
  const auto send = [&](const std::string& text) {
    return ::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
  };
  REQUIRE(send("GET / HTTP/1.1\r\n\r\n") > 0);
  CHECK(connection.OnReadable() == FrontConnection::Next::kWaitAnswer);
  CHECK(connection.Respond("HTTP/1.1 200 OK\r\n\r\n") == FrontConnection::Next::kWaitReadable);
  size_t sent = 0;
  for (ssize_t count = 0; count >= 0; sent += static_cast<size_t>(std::max<ssize_t>(count, 0))) {
    count = send(std::string(4096, 'x'));
  }
  REQUIRE(sent > 100'000);
  CHECK(connection.OnReadable() == FrontConnection::Next::kWaitReadable);
  char next = 0;
  CHECK(recv(connection.fd(), &next, 1, MSG_PEEK) == 1);
}

}  // namespace
}  // namespace kubase::wire
