// What a start that fails leaves behind: nothing.
#include "launcher/process.h"

#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <fstream>

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

}  // namespace
}  // namespace kubase::launcher
