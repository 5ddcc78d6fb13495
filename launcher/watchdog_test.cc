// A socket of our own in the place of systemd's.
#include "launcher/watchdog.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <semaphore>

#include "launcher/service_manager.h"
#include "launcher/test_directory.h"
#include "shim/base/owned_fd.h"

namespace kubase::launcher {
namespace {

using std::chrono::milliseconds;

// systemd as this process sees it; for the life of one test.
class FakeSystemd {
 public:
  FakeSystemd() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const std::string path = directory_ / "notify";
    sockaddr_un address{.sun_family = AF_UNIX};
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    const timeval limit{.tv_sec = 20};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~FakeSystemd() {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }

  void SetPatience(const std::string& microseconds, pid_t whose) {
    ::setenv("WATCHDOG_USEC", microseconds.c_str(), 1);
    ::setenv("WATCHDOG_PID", std::to_string(whose).c_str(), 1);
  }
  // The next message; empty when none comes in time.
  std::string Receive(int flags = 0) {
    char buffer[1024];
    const ssize_t length = ::recv(socket_.get(), buffer, sizeof buffer, flags);
    return length < 0 ? "" : std::string(buffer, static_cast<size_t>(length));
  }

 private:
  TestDirectory directory_;
  OwnedFd socket_;
};

const std::unique_ptr<Log> kNoLog = LogTo([](LogLevel, const std::string&) {});

TEST_CASE("ServiceManager: the messages that systemd understands") {
  FakeSystemd systemd;
  NotifyReady("serving x");
  CHECK(systemd.Receive() == "READY=1\nSTATUS=serving x");
  NotifyStatus("starting y");
  CHECK(systemd.Receive() == "STATUS=starting y");
  NotifyAlive();
  CHECK(systemd.Receive() == "WATCHDOG=1");
  NotifyStopping();
  CHECK(systemd.Receive() == "STOPPING=1\nSTATUS=stopping");
}

TEST_CASE("ServiceManager: the patience of systemd, when it is with this process") {
  FakeSystemd systemd;
  CHECK(WatchdogPatience() == milliseconds(0));
  systemd.SetPatience("3000000", ::getpid());
  CHECK(WatchdogPatience() == milliseconds(3'000));
  systemd.SetPatience("3000000", ::getppid());
  CHECK(WatchdogPatience() == milliseconds(0));
}

TEST_CASE("Watchdog: tells again and again that all is well, and early enough") {
  FakeSystemd systemd;
  const milliseconds patience(400);
  std::atomic<milliseconds> given{milliseconds(0)};
  const auto begun = std::chrono::steady_clock::now();
  const Watchdog watchdog(
      patience,
      [&given](milliseconds timeout) {
        given = timeout;
        return Ok();
      },
      *kNoLog);
  for (int i = 0; i < 4; ++i) CHECK(systemd.Receive() == "WATCHDOG=1");
  // Four messages with three waits of a quarter of the patience between them.
  CHECK(std::chrono::steady_clock::now() - begun >= patience * 3 / 4);
  CHECK(given.load() <= patience / 2);
}

TEST_CASE("Watchdog: is silent while a part does not answer, says so once, and speaks again") {
  FakeSystemd systemd;
  std::atomic<bool> alive = false;
  std::counting_semaphore<> checks(0);
  std::vector<std::string> lines;
  const auto log = LogTo([&lines](LogLevel, const std::string& line) { lines.push_back(line); });
  {
    const Watchdog watchdog(
        milliseconds(40),
        [&](milliseconds) -> Result<void> {
          checks.release();
          if (alive) return Ok();
          return Error{ErrorCode::kDeadlineExceeded, "the writer sleeps"};
        },
        *log);
    for (int i = 0; i < 4; ++i) checks.acquire();
    // Three checks are over, and each would have told by now.
    CHECK(systemd.Receive(MSG_DONTWAIT).empty());
    alive = true;
    CHECK(systemd.Receive() == "WATCHDOG=1");
  }
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].find("the writer sleeps") != std::string::npos);
  CHECK(lines[1].find("everything answers again") != std::string::npos);
}

TEST_CASE("Watchdog: without systemd nothing is checked") {
  bool checked = false;
  {
    const Watchdog watchdog(
        milliseconds(0),
        [&checked](milliseconds) {
          checked = true;
          return Ok();
        },
        *kNoLog);
  }
  CHECK_FALSE(checked);
}

}  // namespace
}  // namespace kubase::launcher
