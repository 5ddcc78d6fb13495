#include "shim/wire/listen_address.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <utility>

#include "tests/support/temporary_directory.h"

namespace kubase::wire {
namespace {

using Scheme = ListenAddress::Scheme;

TEST_CASE("ListenAddress: every documented form parses") {
  const std::tuple<const char*, Scheme, std::string, int, std::string> expected[] = {
      {"127.0.0.1:2379", Scheme::kNone, "127.0.0.1", 2379, ""},
      {":2379", Scheme::kNone, "", 2379, ""},
      {"localhost:0", Scheme::kNone, "localhost", 0, ""},
      {"[::1]:2379", Scheme::kNone, "::1", 2379, ""},
      {"http://0.0.0.0:2379", Scheme::kHttp, "0.0.0.0", 2379, ""},
      {"https://[::]:65535", Scheme::kHttps, "::", 65535, ""},
      {"unix:///run/kubase.sock", Scheme::kUnix, "", 0, "/run/kubase.sock"},
      {"unix://relative.sock", Scheme::kUnix, "", 0, "relative.sock"}};
  for (const auto& [text, scheme, host, port, path] : expected) {
    CAPTURE(text);
    const auto address = ParseListenAddress(text);
    REQUIRE(address.ok());
    CHECK(address->scheme == scheme);
    CHECK(address->host == host);
    CHECK(address->port == port);
    CHECK(address->path == path);
  }
}

TEST_CASE("ListenAddress: everything else is refused, and the message shows the right forms") {
  for (const char* text :
       {"", "127.0.0.1", "host:", "host:port", "host:65536", "host:-1", "::1:2379", "[::1:2379",
        "ftp://host:21", "unix://", "http://host:1/path"}) {
    CAPTURE(text);
    const auto address = ParseListenAddress(text);
    REQUIRE_FALSE(address.ok());
    CHECK(address.error().code == ErrorCode::kInvalidArgument);
    CHECK(address.error().message.find("unix:///path") != std::string::npos);
  }
}

TEST_CASE("Listen: the file of a unix socket goes with it, and moves with it") {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.File("s.sock");
  {
    auto socket = Listen({.scheme = Scheme::kUnix, .path = path});
    REQUIRE(socket.ok());
    const ListeningSocket moved = std::move(*socket);
    CHECK(moved.address == "unix://" + path);
    CHECK(std::filesystem::is_socket(path));
    const auto second = Listen({.scheme = Scheme::kUnix, .path = path});
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().code == ErrorCode::kAlreadyExists);
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("Listen: port 0 gets a free port, and a port in use is named") {
  const auto first = Listen({.host = "127.0.0.1", .port = 0});
  REQUIRE(first.ok());
  const auto bound = ParseListenAddress(first->address);
  REQUIRE(bound.ok());
  CHECK(bound->port != 0);
  const auto second = Listen(*bound);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == ErrorCode::kAlreadyExists);
  CHECK(second.error().message.find(first->address) != std::string::npos);
  CHECK_FALSE(Listen({.host = "no.such.host.invalid", .port = 1}).ok());
}

}  // namespace
}  // namespace kubase::wire
