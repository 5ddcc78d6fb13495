// proc(5): boot_id is made at each boot; field 22 of /proc/PID/stat is the start of the process.
#include "shim/base/process_identity.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace kubase {
namespace {

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Empty: there is no such process, or it cannot be seen from here.
std::string StartOf(const std::string& pid) {
  const std::string stat = FirstLine("/proc/" + pid + "/stat");
  // The second field, the name in parentheses, may have anything in it.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return "";
  std::istringstream rest(stat.substr(name_end + 1));
  constexpr int kStartField = 22, kFirstField = 3;
  std::string field;
  for (int i = kFirstField; i <= kStartField; ++i) rest >> field;
  return field;
}

// Empty: it cannot be told from other machines.
std::string Here() {
  std::error_code error;
  const auto name_space = std::filesystem::read_symlink("/proc/self/ns/pid", error);
  const std::string boot = FirstLine("/proc/sys/kernel/random/boot_id");
  if (boot.empty() || name_space.empty()) return "";
  return fmt::format("{} {}", boot, name_space.string());
}

bool IsNoProcess(const std::string& pid) {
  pid_t number = 0;
  const auto [end, error] = std::from_chars(pid.data(), pid.data() + pid.size(), number);
  return error == std::errc() && end == pid.data() + pid.size() && number > 0 &&
         ::kill(number, 0) != 0 && errno == ESRCH;
}

}  // namespace

std::string OwnProcessIdentity() {
  const std::string pid = std::to_string(::getpid());
  return fmt::format("{} {} {}", Here(), pid, StartOf(pid));
}

bool HasEnded(const std::string& identity) {
  const size_t start_at = identity.rfind(' ');
  if (start_at == std::string::npos || start_at == 0) return false;
  const size_t pid_at = identity.rfind(' ', start_at - 1);
  const std::string here = Here();
  if (pid_at == std::string::npos || here.empty() || identity.substr(0, pid_at) != here) {
    return false;
  }
  const std::string pid = identity.substr(pid_at + 1, start_at - pid_at - 1);
  if (IsNoProcess(pid)) return true;
  const std::string start = StartOf(pid);
  return !start.empty() && start != identity.substr(start_at + 1);
}

bool IsOfAnotherBoot(const std::string& identity) {
  const std::string here = Here();
  const size_t boot_end = identity.find(' ');
  if (here.empty() || boot_end == std::string::npos || boot_end == 0) return false;
  return identity.substr(0, boot_end) != here.substr(0, here.find(' '));
}

}  // namespace kubase
