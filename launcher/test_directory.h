// For tests: a temporary directory that is removed with everything in it, and a child to try things
// as another user.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "launcher/host.h"

namespace kubase::launcher {

class TestDirectory {
 public:
  TestDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "kubase-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// This user, without an environment.
inline HostUser TestUser() {
  HostUser user;
  user.uid = geteuid();
  user.gid = getegid();
  user.home = "/nonexistent";
  return user;
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
