// Reads who runs this process; the only place of the room that touches environ and the user
// database.
#include "launcher/host.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <climits>
#include <vector>

extern char** environ;

namespace kubase::launcher {
namespace {

std::map<std::string, std::string> ReadVariables() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (const size_t equals = text.find('='); equals != std::string::npos) {
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return variables;
}

std::optional<unsigned> ParseId(const std::string& text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::filesystem::path HomeOf(uid_t uid) {
  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return {};
  }
  return found->pw_dir;
}

// Root that was not reached by sudo has no caller; nor has root that called sudo.
std::optional<FileOwner> FindSudoCaller(const HostUser& user) {
  const std::optional<unsigned> uid = ParseId(user.Variable("SUDO_UID"));
  const std::optional<unsigned> gid = ParseId(user.Variable("SUDO_GID"));
  if (!user.is_root() || !uid || !gid || *uid == 0) return std::nullopt;
  return FileOwner{*uid, *gid};
}

std::string ReadHostName() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

}  // namespace

std::string HostUser::Variable(const std::string& name) const {
  const auto found = variables.find(name);
  return found == variables.end() ? std::string() : found->second;
}

HostUser ReadHostUser() {
  HostUser user;
  user.uid = geteuid();
  user.gid = getegid();
  user.variables = ReadVariables();
  user.sudo_caller = FindSudoCaller(user);
  user.host_name = ReadHostName();
  if (user.sudo_caller) user.home = HomeOf(user.sudo_caller->uid);
  if (user.home.empty()) user.home = user.Variable("HOME");
  if (user.home.empty()) user.home = HomeOf(user.uid);
  return user;
}

}  // namespace kubase::launcher
