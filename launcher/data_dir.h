// The data directory of one appliance: where things live, who holds it, and what it left elsewhere.
//
// Everything of an appliance is below one directory that belongs to the user who runs kubase. What
// has to be outside (short socket paths, a merged kubeconfig) is written down in a record first,
// so that `kubase reset` never guesses. A kernel lock on one file makes sure that only one kubase
// works on a directory; it ends with the process, however it ends.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "launcher/host.h"
#include "shim/base/owned_fd.h"
#include "shim/base/result.h"

namespace kubase::launcher {

// Every place of one appliance; a pure function of the data directory and the user. Absolute paths.
struct DataPaths {
  std::filesystem::path root;
  std::filesystem::path lock_file;      // holds the pid of its owner in decimal
  std::filesystem::path version_file;   // "format 1\nkubase 0.1.0\n"
  std::filesystem::path outside_file;   // the record of what lives elsewhere (JSON)
  std::filesystem::path database_dir;   // db/
  std::filesystem::path database_file;  // db/kubase.db
  std::filesystem::path pki_dir;        // pki/
  std::filesystem::path kubeconfig_dir;
  std::filesystem::path admin_kubeconfig;
  std::filesystem::path controller_manager_kubeconfig;
  std::filesystem::path scheduler_kubeconfig;
  std::filesystem::path log_dir;         // logs/
  std::filesystem::path bin_dir;         // bin/<content hash>/kube-apiserver …
  std::filesystem::path run_dir;         // sockets; outside of `root` when that path is too long
  std::filesystem::path etcd_socket;     // run_dir/etcd.sock: the shim, for the apiserver
  std::filesystem::path control_socket;  // run_dir/kubase.sock: for `kubase status` and `down`

  bool run_dir_is_outside() const { return run_dir != root / "run"; }
};

// Root: /var/lib/kubase. Else $XDG_DATA_HOME/kubase, else ~/.local/share/kubase.
// Error: kInvalidArgument when a user has no home directory.
Result<std::filesystem::path> DefaultDataDir(const HostUser& user);

// The places below `data_dir` (made absolute; nothing on disk is read or written but the current
// directory). An empty `data_dir` stands for DefaultDataDir.
Result<DataPaths> ResolvePaths(const std::filesystem::path& data_dir, const HostUser& user);

// Something of ours outside of the data directory.
struct OutsidePath {
  enum class Kind { kDirectory, kKubeconfigContext };
  Kind kind = Kind::kDirectory;
  std::filesystem::path path;  // the directory, or the kubeconfig file that holds our context

  bool operator==(const OutsidePath&) const = default;
};

struct DataDirOptions {
  std::string kubase_version;                   // written to VERSION
  int64_t free_bytes_min = 64LL * 1024 * 1024;  // less is refused: SQLite could not even start
};

// An open data directory; holds the lock until it is destroyed. Movable. Not thread safe.
class DataDir {
 public:
  // Creates what is missing (0700; when root works for a sudo caller, `root` and the kubeconfig
  // directory are 0711 so that the caller can reach the file that is theirs), locks, checks VERSION
  // and free space, and tests that a file can be written. Nothing is damaged on failure.
  // Errors, each one sentence with the fix: kAlreadyExists (another kubase holds it; names the
  // pid), kPermissionDenied (not writable, or owned by someone else), kInvalidArgument (a file is
  // in the way), kNoSpace, kUnsupported (written by a newer kubase), kCorrupt (VERSION is
  // unreadable).
  static Result<DataDir> Open(const DataPaths& paths, const HostUser& user,
                              const DataDirOptions& options);

  const DataPaths& paths() const { return paths_; }

  // Writes down that `path` outside the directory is ours; idempotent. Call it before creating.
  Result<void> RecordOutside(const OutsidePath& path);

 private:
  DataDir(DataPaths paths, OwnedFd lock) : paths_(std::move(paths)), lock_(std::move(lock)) {}

  DataPaths paths_;
  OwnedFd lock_;  // closing it releases the lock
};

// The pid of the kubase that works on the directory now (0: it is just starting); absent: none
// does. A directory that does not exist has no owner. Error: kPermissionDenied when the lock file
// may not be read.
Result<std::optional<pid_t>> FindOwner(const DataPaths& paths);

// What is recorded as ours outside; empty when nothing is. Error: kCorrupt.
Result<std::vector<OutsidePath>> ReadOutside(const DataPaths& paths);

}  // namespace kubase::launcher
