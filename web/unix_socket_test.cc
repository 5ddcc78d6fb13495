#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"
#include "web/server_test_support.h"
#include "web/status_client.h"
#include "web/status_json.h"

namespace kubase::web {
namespace {

StatusServerOptions OnlySocket(const std::string& path) {
  return {.bind_address = "", .unix_socket = path};
}

TEST_CASE("UnixSocket: serves its owner only, without asking for a Host") {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.File("status.sock");
  ServerUnderTest test(OnlySocket(path));
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(test.server->address().empty());
  CHECK(test.server->url().empty());

  ApplianceStatus status;
  status.version = "9.9";
  test.source.Set(status);
  const auto reply = GetFromSocket(path, "/api/status", kReplyTimeout);
  REQUIRE(reply.ok());
  CHECK(reply->http_status == 200);
  const auto read = StatusFromJson(reply->body);
  REQUIRE(read.ok());
  CHECK(read->version == "9.9");
}

TEST_CASE("UnixSocket: the file goes with the server, and is replaced when it was left behind") {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.File("status.sock");
  {
    const ServerUnderTest test(OnlySocket(path));
    CHECK(std::filesystem::exists(path));
  }
  CHECK_FALSE(std::filesystem::exists(path));

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  {
    const OwnedFd left_behind(socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(bind(left_behind.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  REQUIRE(std::filesystem::exists(path));
  const ServerUnderTest test(OnlySocket(path));
  CHECK(GetFromSocket(path, "/livez", kReplyTimeout).value().http_status == 200);
}

TEST_CASE("UnixSocket: neither a living server's socket nor another file is taken away") {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.File("status.sock");
  const ServerUnderTest test(OnlySocket(path));
  const auto second = Listener::Unix(path);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == ErrorCode::kAlreadyExists);
  CHECK(GetFromSocket(path, "/livez", kReplyTimeout).ok());

  const std::string file = directory / "precious";
  std::ofstream(file) << "data";
  const auto third = Listener::Unix(file);
  REQUIRE_FALSE(third.ok());
  CHECK(third.error().code == ErrorCode::kAlreadyExists);
  CHECK(std::filesystem::file_size(file) == 4);
}

TEST_CASE("UnixSocket: the client tells missing, dead, slow and impossible sockets apart") {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.File("status.sock");
  CHECK(GetFromSocket(path, "/", kReplyTimeout).error().code == ErrorCode::kNotFound);
  CHECK(GetFromSocket(std::string(200, 'x'), "/", kReplyTimeout).error().code ==
        ErrorCode::kInvalidArgument);
  CHECK(Listener::Unix(std::string(200, 'x')).error().code == ErrorCode::kInvalidArgument);

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const OwnedFd silent(socket(AF_UNIX, SOCK_STREAM, 0));
  REQUIRE(bind(silent.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(GetFromSocket(path, "/", kReplyTimeout).error().code == ErrorCode::kUnavailable);
  REQUIRE(listen(silent.get(), 1) == 0);
  CHECK(GetFromSocket(path, "/", std::chrono::milliseconds(100)).error().code ==
        ErrorCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace kubase::web
