#include "shim/base/socket_file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <barrier>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace kubase {
namespace {

constexpr int kBacklog = 16;

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

// As a killed process does.
void LeaveSocketBehind(const std::string& path) {
  const sockaddr_un address = UnixAddress(path);
  const OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
}

bool CanConnect(const std::string& path) {
  const sockaddr_un address = UnixAddress(path);
  const OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

TEST_CASE("SocketFile: has mode 0600, and is alone in its directory as long as it is served") {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.File("s.sock");
  LeaveSocketBehind(path);
  {
    const auto listener = ListenOnSocketFile(path, kBacklog);
    REQUIRE(listener.ok());
    struct stat info {};
    REQUIRE(stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    CHECK(CanConnect(path));
    const auto second = ListenOnSocketFile(path, kBacklog);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().code == ErrorCode::kAlreadyExists);
    CHECK(second.error().message.find(path) != std::string::npos);
    CHECK(CanConnect(path));
    const std::filesystem::directory_iterator files(directory.path());
    CHECK(std::distance(begin(files), end(files)) == 1);
  }
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("SocketFile: what is no socket, or cannot be one, is refused and stays") {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.File("precious");
  std::ofstream(path) << "data";
  CHECK(ListenOnSocketFile(path, kBacklog).error().code == ErrorCode::kAlreadyExists);
  CHECK(std::filesystem::file_size(path) == 4);
  CHECK(ListenOnSocketFile(std::string(200, 'x'), kBacklog).error().code ==
        ErrorCode::kInvalidArgument);
  CHECK(ListenOnSocketFile("", kBacklog).error().code == ErrorCode::kInvalidArgument);
  CHECK_FALSE(ListenOnSocketFile(directory.File("no/such/folder"), kBacklog).ok());
}

TEST_CASE("SocketFile: the file of who came later is left alone") {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.File("s.sock");
  auto first = std::optional(ListenOnSocketFile(path, kBacklog));
  REQUIRE(first->ok());
  std::filesystem::remove(path);
  const auto second = ListenOnSocketFile(path, kBacklog);
  REQUIRE(second.ok());
  first.reset();
  CHECK(CanConnect(path));
}

TEST_CASE("SocketFile: of several processes that find one left behind, one gets the place") {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.File("s.sock");
  constexpr int kRounds = 100;
  constexpr int kAtOnce = 4;
  for (int round = 0; round < kRounds; ++round) {
    LeaveSocketBehind(path);
    std::vector<std::optional<Result<UnixListener>>> results(kAtOnce);
    {
      std::barrier start(kAtOnce);
      std::vector<std::jthread> threads;
      for (auto& result : results) {
        threads.emplace_back([&] {
          start.arrive_and_wait();
          result.emplace(ListenOnSocketFile(path, kBacklog));
        });
      }
    }
    CHECK(std::ranges::count_if(results, [](const auto& result) { return result->ok(); }) == 1);
    CHECK(CanConnect(path));
  }
}

}  // namespace
}  // namespace kubase
