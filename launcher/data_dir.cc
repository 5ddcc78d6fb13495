// Layout, checks and the lock of a data directory. The lock is an open-file-description lock: it
// can be looked at without being taken, so `kubase status` never makes a starting kubase fail.
#include "launcher/data_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>

#include "launcher/data_dir_lock.h"
#include "launcher/files.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

constexpr int kFormat = 1;
// sockaddr_un::sun_path holds 108 bytes with its end mark.
constexpr size_t kSocketPathBytesMax = 107;
constexpr std::string_view kLongestSocketName = "kubase.sock";

fs::path TemporaryRoot(const HostUser& user) {
  const fs::path chosen = user.Variable("TMPDIR");
  // "/kubase-4294967295-<16 digits>/<socket>" has to fit behind it.
  return chosen.is_absolute() && chosen.string().size() <= 40 ? chosen : fs::path("/tmp");
}

fs::path RunDir(const fs::path& root, const HostUser& user) {
  const fs::path inside = root / "run";
  if ((inside / kLongestSocketName).string().size() <= kSocketPathBytesMax) return inside;
  const std::string hash = ShortHash(root.string());
  if (user.is_root()) return fs::path("/run/kubase") / hash;
  const fs::path runtime = user.Variable("XDG_RUNTIME_DIR");
  const fs::path own = runtime / "kubase" / hash;
  std::error_code ignored;  // an unreadable directory is as useless as a missing one
  if (runtime.is_absolute() && fs::is_directory(runtime, ignored) &&
      (own / kLongestSocketName).string().size() <= kSocketPathBytesMax) {
    return own;
  }
  return TemporaryRoot(user) / fmt::format("kubase-{}-{}", user.uid, hash);
}

Result<struct stat> StatDirectory(const fs::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return SystemError(errno, "use", path);
  if (S_ISDIR(status.st_mode)) return status;
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("cannot use {} as a data directory: it is a file", path.string())};
}

// Refuses a directory full of someone's own files: kubase would scatter its own among them, and
// `reset` could not tell them apart.
Result<void> CheckOnlyOurNames(const DataPaths& paths) {
  static constexpr std::array<std::string_view, 10> kNames = {
      "lock",       "VERSION", "outside.json", "db",  "pki",
      "kubeconfig", "logs",    "bin",          "run", "lost+found"};
  std::error_code error;
  if (fs::exists(paths.version_file, error)) return Ok();
  for (fs::directory_iterator entry(paths.root, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool ours = std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
                      name.starts_with("VERSION.");  // left by a crash before the rename
    if (!ours) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} holds files that are not kubase's (\"{}\"): choose a new or an "
                               "empty directory with --data-dir",
                               paths.root.string(), name)};
    }
  }
  if (error) return SystemError(error.value(), "list", paths.root);
  return Ok();
}

Result<void> CheckRoot(const fs::path& root, const HostUser& user) {
  KUBASE_ASSIGN_OR_RETURN(const struct stat status, StatDirectory(root));
  if (status.st_uid != user.uid) {
    return Error{ErrorCode::kPermissionDenied,
                 fmt::format("{} belongs to user {}, and kubase runs as user {}: run it as that "
                             "user or choose another --data-dir",
                             root.string(), status.st_uid, user.uid)};
  }
  return Ok();
}

Result<void> CheckFreeSpace(const fs::path& root, int64_t bytes_min) {
  struct statvfs space {};
  if (statvfs(root.c_str(), &space) != 0) return SystemError(errno, "look at", root);
  const int64_t free = static_cast<int64_t>(space.f_bavail) * static_cast<int64_t>(space.f_frsize);
  if (free >= bytes_min) return Ok();
  constexpr int64_t kMiB = 1024 * 1024;
  return Error{ErrorCode::kNoSpace,
               fmt::format("only {} MiB are free where {} is and kubase needs {} MiB: free some "
                           "space or choose another --data-dir",
                           free / kMiB, root.string(), bytes_min / kMiB)};
}

Result<int> ParseFormat(const std::string& text) {
  constexpr std::string_view kPrefix = "format ";
  int format = 0;
  const char* const end = text.data() + text.size();
  if (text.starts_with(kPrefix)) {
    const auto [stop, error] = std::from_chars(text.data() + kPrefix.size(), end, format);
    if (error == std::errc() && stop != end && *stop == '\n' && format > 0) return format;
  }
  return Error{ErrorCode::kCorrupt, "it does not begin with \"format NUMBER\""};
}

// Refuses what a newer kubase wrote; else writes our own version.
Result<void> CheckAndWriteVersion(const DataPaths& paths, const std::string& kubase_version) {
  const std::string ours = fmt::format("format {}\nkubase {}\n", kFormat, kubase_version);
  const Result<std::string> found = ReadWholeFile(paths.version_file, 4096);
  if (!found.ok() && found.error().code != ErrorCode::kNotFound) return found.error();
  if (found.ok()) {
    if (*found == ours) return Ok();
    const Result<int> format = ParseFormat(*found);
    if (!format.ok()) {
      return Error{ErrorCode::kCorrupt,
                   fmt::format("cannot tell which kubase wrote {}: {} is damaged; if the data is "
                               "of this version, delete that file",
                               paths.root.string(), paths.version_file.string())};
    }
    if (*format > kFormat) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{} was written by a newer kubase (format {}, this one knows {}): "
                               "use that version or newer",
                               paths.root.string(), *format, kFormat)};
    }
  }
  return WriteFileAtomically(paths.version_file, ours, FileAttributes{});
}

// A directory outside may lie where others can write (/tmp): it must be ours alone.
Result<void> CheckPrivate(const fs::path& directory, const HostUser& user) {
  struct stat status {};
  if (lstat(directory.c_str(), &status) != 0) return SystemError(errno, "use", directory);
  if (S_ISDIR(status.st_mode) && status.st_uid == user.uid && (status.st_mode & 077) == 0) {
    return Ok();
  }
  return Error{ErrorCode::kPermissionDenied,
               fmt::format("{} is not a private directory of this user: remove it, or choose a "
                           "shorter --data-dir, whose sockets need no other place",
                           directory.string())};
}

Result<void> CreateFolders(const DataPaths& paths, const HostUser& user) {
  for (const fs::path& folder :
       {paths.database_dir, paths.pki_dir, paths.log_dir, paths.bin_dir, paths.run_dir}) {
    KUBASE_TRY(CreateDirectory(folder, 0700));
  }
  if (paths.run_dir_is_outside()) KUBASE_TRY(CheckPrivate(paths.run_dir, user));
  return CreateDirectory(paths.kubeconfig_dir, user.sudo_caller ? 0711 : 0700);
}

// The sentences of the start are about the data directory, whatever path inside of it failed.
Error Explain(Error error, const DataPaths& paths) {
  if (error.code == ErrorCode::kPermissionDenied && error.message.starts_with("cannot ")) {
    error.message += "; choose a directory that you may write with --data-dir";
  } else if (error.code == ErrorCode::kInvalidArgument && error.message.starts_with("cannot ")) {
    error.message += "; choose another --data-dir";
  } else if (error.code == ErrorCode::kNoSpace && error.message.starts_with("cannot ")) {
    error.message += fmt::format("; free some space where {} is", paths.root.string());
  }
  return error;
}

}  // namespace

Result<fs::path> DefaultDataDir(const HostUser& user) {
  if (user.is_root()) return fs::path("/var/lib/kubase");
  const fs::path data_home = user.Variable("XDG_DATA_HOME");
  // The XDG specification: a relative path there is to be ignored.
  if (data_home.is_absolute()) return data_home / "kubase";
  if (user.home.is_absolute()) return user.home / ".local" / "share" / "kubase";
  return Error{ErrorCode::kInvalidArgument,
               "this user has no home directory: say where the data goes with --data-dir"};
}

Result<DataPaths> ResolvePaths(const fs::path& data_dir, const HostUser& user) {
  fs::path chosen = data_dir;
  if (chosen.empty()) {
    KUBASE_ASSIGN_OR_RETURN(chosen, DefaultDataDir(user));
  }
  std::error_code error;
  fs::path root = fs::absolute(chosen, error).lexically_normal();
  if (error) return SystemError(error.value(), "find", chosen);
  if (!root.has_filename() && root.has_relative_path()) root = root.parent_path();
  DataPaths paths;
  paths.root = root;
  paths.lock_file = root / "lock";
  paths.version_file = root / "VERSION";
  paths.outside_file = root / "outside.json";
  paths.database_dir = root / "db";
  paths.database_file = paths.database_dir / "kubase.db";
  paths.pki_dir = root / "pki";
  paths.kubeconfig_dir = root / "kubeconfig";
  paths.admin_kubeconfig = paths.kubeconfig_dir / "admin.kubeconfig";
  paths.controller_manager_kubeconfig = paths.kubeconfig_dir / "controller-manager.kubeconfig";
  paths.scheduler_kubeconfig = paths.kubeconfig_dir / "scheduler.kubeconfig";
  paths.log_dir = root / "logs";
  paths.bin_dir = root / "bin";
  paths.run_dir = RunDir(root, user);
  paths.etcd_socket = paths.run_dir / "etcd.sock";
  paths.control_socket = paths.run_dir / "kubase.sock";
  return paths;
}

Result<DataDir> DataDir::Open(const DataPaths& paths, const HostUser& user,
                              const DataDirOptions& options) {
  const mode_t root_mode = user.sudo_caller ? 0711 : 0700;
  const auto prepare = [&]() -> Result<OwnedFd> {
    KUBASE_TRY(CreateDirectory(paths.root, root_mode));
    KUBASE_TRY(CheckRoot(paths.root, user));
    KUBASE_TRY(CheckOnlyOurNames(paths));
    KUBASE_ASSIGN_OR_RETURN(OwnedFd lock, LockDataDir(paths));
    KUBASE_TRY(CheckFreeSpace(paths.root, options.free_bytes_min));
    KUBASE_TRY(CheckAndWriteVersion(paths, options.kubase_version));
    if (chmod(paths.root.c_str(), root_mode) != 0) {
      return SystemError(errno, "change the mode of", paths.root);
    }
    return lock;
  };
  Result<OwnedFd> lock = prepare();
  if (!lock.ok()) return Explain(std::move(lock).error(), paths);
  DataDir directory(paths, std::move(lock).value());
  if (paths.run_dir_is_outside()) {
    KUBASE_TRY(directory.RecordOutside({OutsidePath::Kind::kDirectory, paths.run_dir}));
  }
  if (Result<void> made = CreateFolders(paths, user); !made.ok()) {
    return Explain(std::move(made).error(), paths);
  }
  return directory;
}

Result<void> DataDir::RecordOutside(const OutsidePath& path) {
  KUBASE_ASSIGN_OR_RETURN(std::vector<OutsidePath> known, ReadOutside(paths_));
  if (std::find(known.begin(), known.end(), path) != known.end()) return Ok();
  known.push_back(path);
  nlohmann::json list = nlohmann::json::array();
  for (const OutsidePath& entry : known) {
    const bool directory = entry.kind == OutsidePath::Kind::kDirectory;
    list.push_back(
        {{"kind", directory ? "directory" : "kubeconfig"}, {"path", entry.path.string()}});
  }
  // A path may hold any byte; what is not UTF-8 could not be stored and would not be found again.
  try {
    return WriteFileAtomically(paths_.outside_file, nlohmann::json{{"paths", list}}.dump(2) + "\n",
                               FileAttributes{});
  } catch (const nlohmann::json::exception&) {
    return Error{ErrorCode::kInvalidArgument,
                 "cannot record a path that is not UTF-8: choose another one"};
  }
}

Result<std::vector<OutsidePath>> ReadOutside(const DataPaths& paths) {
  const Result<std::string> text = ReadWholeFile(paths.outside_file);
  if (!text.ok() && text.error().code == ErrorCode::kNotFound) return std::vector<OutsidePath>();
  if (!text.ok()) return text.error();
  std::vector<OutsidePath> found;
  try {
    const nlohmann::json document = nlohmann::json::parse(*text);
    for (const nlohmann::json& entry : document.at("paths")) {
      const bool directory = entry.at("kind").get<std::string>() == "directory";
      found.push_back(
          {directory ? OutsidePath::Kind::kDirectory : OutsidePath::Kind::kKubeconfigContext,
           fs::path(entry.at("path").get<std::string>())});
    }
  } catch (const nlohmann::json::exception&) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{} is damaged, so what kubase made outside of its data directory is "
                             "not known: delete the file to go on without",
                             paths.outside_file.string())};
  }
  return found;
}

}  // namespace kubase::launcher
