#include "web/host_guard.h"

#include <catch2/catch.hpp>

namespace kubase::web {
namespace {

TEST_CASE("HostGuard: own names and written addresses pass, with and without a port") {
  const HostGuard guard({"Status.Example.com."});
  for (const char* host :
       {"localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1", "127.0.0.1:80", "10.1.2.3:65535",
        "[::1]", "[::1]:8080", "[fe80::1]", "status.example.com", "STATUS.EXAMPLE.COM:443"}) {
    INFO(host);
    CHECK(guard.Allows(host));
  }
}

TEST_CASE("HostGuard: foreign and malformed hosts are refused") {
  const HostGuard guard({"status.example.com"});
  for (const char* host :
       {"", ":80", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example",
        "evil.example:80", "status.example.com.evil", "localhost:80:80", "localhost:http", "[::1",
        "[evil]", "[::1]evil", "[127.0.0.1]", "::1:80:", "user@localhost", "localhost/", "127.1",
        "0x7f000001", "localhost:123456"}) {
    INFO(host);
    CHECK_FALSE(guard.Allows(host));
  }
}

}  // namespace
}  // namespace kubase::web
