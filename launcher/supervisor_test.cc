// Real processes: small shell commands that start, fail, hang and ignore signals.
#include "launcher/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "launcher/test_directory.h"

namespace kubase::launcher {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kPatience{20};

bool WaitUntil(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(2));  // the state of another process has no event
  }
  return true;
}

ProcessSpec Shell(const std::string& script) {
  return {
      .executable = "/bin/sh", .arguments = {"-c", script}, .environment = {"PATH=/usr/bin:/bin"}};
}

Result<void> AlwaysReady() {
  return Ok();
}

struct SupervisorFixture {
  TestDirectory directory;
  SystemClock clock;
  std::unique_ptr<Log> log = LogTo([](LogLevel, const std::string&) {});
  SupervisorOptions options{
      .restart = {.first_wait = milliseconds(10), .longest_wait = milliseconds(20)},
      .probe_interval_starting = milliseconds(5),
      .probe_interval_ready = milliseconds(5),
      .probe_interval_not_ready = milliseconds(5)};
  Supervisor supervisor{options, clock, *log};

  // Ready as soon as the file `name` exists.
  ReadinessProbe FileProbe(const std::string& name) {
    return [path = directory / name]() -> Result<void> {
      if (std::filesystem::exists(path)) return Ok();
      return Error{ErrorCode::kUnavailable, "no " + path.string()};
    };
  }
  Result<void> WaitReady(const std::string& name) {
    return supervisor.WaitReady(name, kPatience, {});
  }
  ChildStatus Status() { return supervisor.ReadStatus().at(0); }
  bool HasLine(const std::string& line) {
    const auto lines = Status().last_lines;
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  }
};

TEST_CASE("Supervisor: a child becomes ready by its probe, talks, and stops on SIGTERM") {
  SupervisorFixture fixture;
  const std::string ready = fixture.directory / "ready";
  REQUIRE(fixture.supervisor
              .Start({.name = "child",
                      .process = Shell("trap 'echo bye; exit 0' TERM; echo hello; touch " + ready +
                                       "; while :; do sleep 0.01; done"),
                      .probe = fixture.FileProbe("ready")})
              .ok());
  REQUIRE(fixture.WaitReady("child").ok());
  CHECK(fixture.Status().state == ChildState::kReady);
  CHECK(WaitUntil([&] { return fixture.HasLine("hello"); }));
  CHECK(fixture.Status().usage.rss_bytes > 0);
  fixture.supervisor.Stop({"child"});
  const ChildStatus stopped = fixture.Status();
  CHECK(stopped.state == ChildState::kStopped);
  CHECK(stopped.pid == 0);
  CHECK(stopped.last_exit == "it exited with status 0");
  CHECK(fixture.HasLine("bye"));
}

TEST_CASE("Supervisor: a child that ends is started again") {
  SupervisorFixture fixture;
  const std::string starts = fixture.directory / "starts";
  REQUIRE(fixture.supervisor
              .Start({.name = "child",
                      .process = Shell("echo x >> " + starts + "; sleep 0.05; exit 3"),
                      .probe = AlwaysReady})
              .ok());
  REQUIRE(fixture.WaitReady("child").ok());
  CHECK(WaitUntil([&] { return fixture.Status().restarts >= 3; }));
  CHECK(fixture.Status().last_exit == "it exited with status 3");
  fixture.supervisor.Stop({"child"});
  CHECK(fixture.Status().state == ChildState::kStopped);
}

TEST_CASE("Supervisor: a failed start tells the likely cause and keeps the last lines") {
  SupervisorFixture fixture;
  REQUIRE(
      fixture.supervisor
          .Start({.name = "child",
                  .process = Shell("echo before; echo 'listen tcp 127.0.0.1:6443: bind: address "
                                   "already in use' >&2; exit 1"),
                  .probe = fixture.FileProbe("never")})
          .ok());
  const auto outcome = fixture.WaitReady("child");
  REQUIRE_FALSE(outcome.ok());
  CHECK(outcome.error().code == ErrorCode::kUnavailable);
  CHECK(outcome.error().message ==
        "child could not start: it exited with status 1, probably because the address is already "
        "in use; choose another port with --secure-port, or stop the program that listens there");
  CHECK(fixture.HasLine("before"));
}

TEST_CASE("Supervisor: the likely cause of an end is not taken from an earlier run") {
  SupervisorFixture fixture;
  const std::string again = fixture.directory / "again";
  REQUIRE(fixture.supervisor
              .Start({.name = "child",
                      .process = Shell("[ -e " + again + " ] && exit 4; touch " + again +
                                       "; echo 'no space left on device'; exit 3"),
                      .probe = fixture.FileProbe("never")})
              .ok());
  CHECK(fixture.WaitReady("child").error().message ==
        "child could not start: it exited with status 3, probably because the disk is full; free "
        "some space on the file system of the data directory");
  CHECK(WaitUntil([&] { return fixture.Status().last_exit == "it exited with status 4"; }));
}

TEST_CASE("Supervisor: a program that cannot run is named with the reason") {
  SupervisorFixture fixture;
  const std::string garbage = fixture.directory / "garbage";
  std::ofstream(garbage) << "\x01\x02\x03 not a program";
  ::chmod(garbage.c_str(), 0755);
  const std::string unreadable = fixture.directory / "plain";
  std::ofstream(unreadable) << "text";
  const std::string missing = fixture.directory / "missing";
  struct Case {
    std::string executable;
    std::string ending;
  };
  const std::vector<Case> cases = {
      {missing, "No such file or directory; the file or its interpreter is missing"},
      {unreadable,
       "Permission denied; make it executable (chmod +x) and see that its file system is not "
       "mounted noexec"},
      {garbage,
       "Exec format error; the file is damaged or was built for another processor architecture"}};
  for (const Case& expected : cases) {
    REQUIRE(fixture.supervisor
                .Start({.name = expected.executable,
                        .process = {.executable = expected.executable},
                        .probe = AlwaysReady})
                .ok());
    const auto outcome = fixture.WaitReady(expected.executable);
    REQUIRE_FALSE(outcome.ok());
    CHECK(outcome.error().message == expected.executable +
                                         " could not start: " + expected.executable +
                                         " could not be run: " + expected.ending);
  }
}

TEST_CASE("Supervisor: a child that ignores SIGTERM is killed after its time-out") {
  SupervisorFixture fixture;
  const std::string ready = fixture.directory / "ready";
  REQUIRE(fixture.supervisor
              .Start({.name = "child",
                      .process =
                          Shell("trap '' TERM; touch " + ready + "; while :; do sleep 0.01; done"),
                      .probe = fixture.FileProbe("ready"),
                      .stop_timeout = milliseconds(50)})
              .ok());
  REQUIRE(fixture.WaitReady("child").ok());
  fixture.supervisor.Stop({"child", "never started"});
  CHECK(fixture.Status().last_exit == "it was killed by signal 9 (Killed)");
}

TEST_CASE("Supervisor: KillAll ends a stop that would take long") {
  SupervisorFixture fixture;
  const std::string ready = fixture.directory / "ready";
  REQUIRE(fixture.supervisor
              .Start({.name = "child",
                      .process =
                          Shell("trap '' TERM; touch " + ready + "; while :; do sleep 0.01; done"),
                      .probe = fixture.FileProbe("ready"),
                      .stop_timeout = std::chrono::hours(1)})
              .ok());
  REQUIRE(fixture.WaitReady("child").ok());
  std::thread stopper([&] { fixture.supervisor.Stop({"child"}); });
  fixture.supervisor.KillAll();
  stopper.join();
  CHECK(fixture.Status().state == ChildState::kStopped);
}

TEST_CASE("Supervisor: a probe that keeps failing makes the child not ready, and ready again") {
  SupervisorFixture fixture;
  std::atomic<bool> healthy = true;
  REQUIRE(fixture.supervisor
              .Start({.name = "child",
                      .process = Shell("exec sleep 1000"),
                      .probe = [&healthy]() -> Result<void> {
                        if (healthy) return Ok();
                        return Error{ErrorCode::kUnavailable, "etcd failed"};
                      }})
              .ok());
  REQUIRE(fixture.WaitReady("child").ok());
  healthy = false;
  CHECK(WaitUntil([&] { return fixture.Status().state == ChildState::kNotReady; }));
  CHECK(fixture.Status().problem == "etcd failed");
  healthy = true;
  CHECK(WaitUntil([&] { return fixture.Status().state == ChildState::kReady; }));
}

TEST_CASE("Supervisor: waiting ends with its deadline or its stop token") {
  SupervisorFixture fixture;
  REQUIRE(fixture.supervisor
              .Start({.name = "child",
                      .process = Shell("exec sleep 1000"),
                      .probe = fixture.FileProbe("never")})
              .ok());
  const auto late = fixture.supervisor.WaitReady("child", milliseconds(50), {});
  REQUIRE_FALSE(late.ok());
  CHECK(late.error().code == ErrorCode::kDeadlineExceeded);
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = fixture.supervisor.WaitReady("child", kPatience, stop.get_token());
  REQUIRE_FALSE(stopped.ok());
  CHECK(stopped.error().code == ErrorCode::kCancelled);
}

TEST_CASE("Supervisor: its thread gives a sign of life when it is asked") {
  SupervisorFixture fixture;
  CHECK(fixture.supervisor.CheckAlive(kPatience).ok());
  CHECK(fixture.supervisor.CheckAlive(kPatience).ok());
}

TEST_CASE("Supervisor: a child inherits its standard descriptors and nothing else") {
  SupervisorFixture fixture;
  const int opened = ::open("/dev/null", O_RDONLY);
  const int leaked = ::fcntl(opened, F_DUPFD, 50);  // not close-on-exec
  const std::string path = "/proc/$$/fd/" + std::to_string(leaked);
  REQUIRE(fixture.supervisor
              .Start({.name = "child",
                      .process = Shell("[ -e /proc/$$/fd/2 ] && [ ! -e " + path +
                                       " ] && echo clean || echo leaked; exec sleep 1000"),
                      .probe = AlwaysReady})
              .ok());
  CHECK(WaitUntil([&] { return !fixture.Status().last_lines.empty(); }));
  CHECK(fixture.Status().last_lines == std::vector<std::string>{"clean"});
  ::close(opened);
  ::close(leaked);
}

// Runs a supervisor with one child until it is killed. In a process of its own.
[[noreturn]] void SuperviseUntilKilled(const std::string& pid_file) {
  const SystemClock clock;
  const auto log = LogTo([](LogLevel, const std::string&) {});
  Supervisor supervisor({}, clock, *log);
  const auto started =
      supervisor.Start({.name = "child",
                        .process = Shell("echo $$ > " + pid_file + ".new; mv " + pid_file +
                                         ".new " + pid_file + "; exec sleep 1000"),
                        .probe = AlwaysReady});
  if (!started.ok()) ::_exit(1);
  for (;;) ::pause();
}

TEST_CASE("Supervisor: kill -9 of the supervising process leaves no orphan") {
  const TestDirectory directory;
  const std::string pid_file = directory / "pid";
  const pid_t parent = ::fork();
  REQUIRE(parent >= 0);
  if (parent == 0) SuperviseUntilKilled(pid_file);
  const bool started = WaitUntil([&] { return std::filesystem::exists(pid_file); });
  pid_t orphan = 0;
  std::ifstream(pid_file) >> orphan;
  const int orphan_fd = started ? static_cast<int>(::syscall(SYS_pidfd_open, orphan, 0)) : -1;
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  REQUIRE(started);
  REQUIRE(orphan_fd >= 0);
  pollfd ended{orphan_fd, POLLIN, 0};
  CHECK(::poll(&ended, 1, 10'000) == 1);
  ::close(orphan_fd);
}

}  // namespace
}  // namespace kubase::launcher
