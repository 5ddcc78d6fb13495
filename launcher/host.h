// HostUser: who runs this process and what the environment says, read once and passed as values.
//
// Nothing else in the room reads environment variables or user ids, so that tests can be any user.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace kubase::launcher {

// The owner a file is given to.
struct FileOwner {
  uid_t uid;
  gid_t gid;
};

struct HostUser {
  uid_t uid = 0;               // effective
  gid_t gid = 0;               // effective
  std::filesystem::path home;  // of the person at the keyboard; may be empty
  // The person who called sudo (SUDO_UID, SUDO_GID), only when this process is root.
  std::optional<FileOwner> sudo_caller;
  std::map<std::string, std::string> variables;  // the environment
  std::string host_name;

  bool is_root() const { return uid == 0; }
  // The value of an environment variable; empty when it is unset or empty.
  std::string Variable(const std::string& name) const;
};

// Reads the process: user ids, environment, host name. `home` is the home of the sudo caller when
// there is one (sudo may or may not change HOME), else $HOME, else the one of the user database.
HostUser ReadHostUser();

}  // namespace kubase::launcher
