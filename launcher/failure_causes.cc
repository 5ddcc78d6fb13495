// The table; add a row when a failure cost somebody a search.
#include "launcher/failure_causes.h"

#include <iterator>
#include <string_view>

namespace kubase::launcher {
namespace {

struct Row {
  std::string_view pattern;  // a part of the line, as it is
  std::string_view cause;
  std::string_view fix;
};

// Earlier rows win within a line.
constexpr Row kRows[] = {
    {"address already in use", "the address is already in use",
     "choose another port with --secure-port, or stop the program that listens there"},
    {"cannot assign requested address", "this machine does not have the address to listen on",
     "give --bind-address an address of this machine"},
    {"bind: permission denied", "ports below 1024 are for root",
     "choose a higher port with --secure-port"},
    {"no space left on device", "the disk is full",
     "free some space on the file system of the data directory"},
    {"disk quota exceeded", "the disk quota of this user is used up", "free some space"},
    {"too many open files", "the limit of open files is too low",
     "raise it (ulimit -n 65536, or LimitNOFILE= of the systemd unit)"},
    {"cannot allocate memory", "there is not enough memory",
     "free some memory; the control plane needs about 600 MB"},
    {"out of memory", "there is not enough memory",
     "free some memory; the control plane needs about 600 MB"},
    {"exec format error", "the program was built for another processor architecture",
     "use a kubase that was built for this machine"},
    {"certificate has expired", "a certificate has expired or the clock of this machine is wrong",
     "check the clock and start kubase again, which renews its certificates"},
    {"certificate signed by unknown authority",
     "a certificate was not made by the authority in the data directory",
     "restore the pki directory of the data directory from a backup, or use kubase reset"},
    {"private key does not match public key", "a certificate and its key do not belong together",
     "start kubase again, which issues certificates that are not good anew"},
    {"failed to find any PEM data", "a certificate file is damaged",
     "start kubase again, which issues certificates that are not good anew"},
    {"unknown flag:", "the component does not know a flag that was passed on to it",
     "correct the --kube-apiserver-arg, --kube-controller-manager-arg or --kube-scheduler-arg"},
    {"unknown shorthand flag:", "the component does not know a flag that was passed on to it",
     "correct the --kube-apiserver-arg, --kube-controller-manager-arg or --kube-scheduler-arg"},
    {"invalid argument \"", "a value that was passed on to the component is not valid",
     "correct the --kube-apiserver-arg, --kube-controller-manager-arg or --kube-scheduler-arg"},
    {"unrecognized feature gate", "the component does not know a feature gate",
     "correct the feature-gates that are passed on to it"},
    {"unable to find suitable network address", "this machine has no network address to advertise",
     "pass one on with --kube-apiserver-arg advertise-address=ADDRESS"},
    {"permission denied", "a file may not be read or written",
     "give the data directory and its files to the user who runs kubase"},
    {"no such file or directory", "a file is missing",
     "see the name in the last lines; kubase makes its own files again when it starts"},
    {"connection refused", "the API server or the store did not answer",
     "see the log of kubase for why it stopped"},
};

}  // namespace

std::optional<LikelyCause> FindLikelyCause(const std::vector<std::string>& last_lines) {
  for (auto line = last_lines.rbegin(); line != last_lines.rend(); ++line) {
    for (const Row& row : kRows) {
      if (line->find(row.pattern) == std::string::npos) continue;
      return LikelyCause{std::string(row.cause), std::string(row.fix)};
    }
  }
  return std::nullopt;
}

}  // namespace kubase::launcher
