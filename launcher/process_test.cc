// What a start that fails leaves behind: nothing.
#include "launcher/process.h"

#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <fstream>

#include "launcher/scheduling.h"
#include "launcher/test_directory.h"

namespace kubase::launcher {
namespace {

// In a process of its own, which has no other children.
TEST_CASE("Process: a start that fails leaves no zombie") {
  const TestDirectory directory;
  const std::string garbage = directory / "garbage";
  std::ofstream(garbage) << "no program";
  std::filesystem::permissions(garbage, std::filesystem::perms(0755));
  for (const std::string& executable : {garbage, std::string("/nonexistent/program")}) {
    CHECK(InChild([&executable] {
            for (int i = 0; i < 20; ++i) {
              if (Process::Start({.executable = executable}).ok()) return 1;
            }
            return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD ? 0 : 2;
          }) == 0);
  }
}

// The command name of stat(5) cannot hold a space here; the policy is the 41st field.
TEST_CASE("Process: a child has the ordinary scheduling, whatever its parent has") {
  CHECK(InChild([] {
          LetRunningThreadsFinish();
          if (::sched_getscheduler(0) != SCHED_BATCH) return 1;
          auto child =
              Process::Start({.executable = "/bin/sh",
                              .arguments = {"-c", "exit $(cut -d ' ' -f 41 /proc/self/stat)"}});
          if (!child.ok()) return 2;
          pollfd end{.fd = child->exit_fd(), .events = POLLIN};
          if (::poll(&end, 1, 10'000) != 1) return 3;
          const auto exit = child->TryReap();
          if (!exit || !WIFEXITED(exit->wait_status)) return 4;
          return WEXITSTATUS(exit->wait_status) == SCHED_OTHER ? 0 : 5;
        }) == 0);
}

TEST_CASE("Process: the environment is the one that was given") {
  auto child = Process::Start(
      {.executable = "/usr/bin/env",
       .environment = {"A=b", "A_NAME_THAT_IS_LONGER_THAN_THE_ENTRY_BEFORE_IT=", "C=d=e"}});
  REQUIRE(child.ok());
  pollfd end{.fd = child->exit_fd(), .events = POLLIN};
  REQUIRE(::poll(&end, 1, 10'000) == 1);
  char output[1000];
  const ssize_t size = ::read(child->output_fd(), output, sizeof(output));
  REQUIRE(size > 0);
  CHECK(std::string(output, static_cast<size_t>(size)) ==
        "A=b\nA_NAME_THAT_IS_LONGER_THAN_THE_ENTRY_BEFORE_IT=\nC=d=e\n");
}

}  // namespace
}  // namespace kubase::launcher
