// For tests: a temporary directory that is removed with everything in it, and a child to try things
// as another user.
#pragma once

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>

#include "launcher/host.h"
#include "tests/support/temporary_directory.h"

namespace kubase::launcher {

using TestDirectory = testing::TemporaryDirectory;

// This user, without an environment.
inline HostUser TestUser() {
  HostUser user;
  user.uid = geteuid();
  user.gid = getegid();
  user.home = "/nonexistent";
  return user;
}

// The bits of its permissions; the test fails when it is not there.
inline mode_t ModeOf(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

// The exit status of `body` run in a child process; -1 when it was killed.
inline int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

// `body` in a child that is an ordinary user: for root "nobody", else this user.
inline int AsOrdinaryUser(const std::function<int()>& body) {
  return InChild([&] {
    constexpr uid_t kNobody = 65534;
    if (geteuid() == 0 && (setegid(kNobody) != 0 || seteuid(kNobody) != 0)) return 100;
    return body();
  });
}

}  // namespace kubase::launcher
