// Removes by name, from the leaves to VERSION and the lock, so that an interrupted removal can be
// repeated.
#include "launcher/data_removal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "launcher/data_dir_lock.h"
#include "launcher/files.h"
#include "launcher/kubeconfig.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

class Removal {
 public:
  explicit Removal(const DataPaths& paths) : paths_(paths) {}

  void Outside(const std::vector<OutsidePath>& outside) {
    for (const OutsidePath& entry : outside) {
      if (entry.kind == OutsidePath::Kind::kKubeconfigContext) {
        Context(entry.path);
      } else {
        RunDirOutside(entry.path);
      }
    }
  }

  void Folders() {
    for (const char* suffix : {"", "-wal", "-shm", "-journal", ".lock"}) {
      One(paths_.database_file.string() + suffix);
    }
    IfEmpty(paths_.database_dir);
    for (const fs::path& folder : {paths_.pki_dir, paths_.kubeconfig_dir, paths_.log_dir,
                                   paths_.bin_dir, paths_.root / "run"}) {
      Tree(folder);
    }
  }

  // The record and VERSION go only when nothing is left to repeat the removal for.
  void Root() {
    if (!report_.problems.empty()) return;
    for (const fs::path& file : {paths_.outside_file, paths_.version_file, paths_.lock_file}) {
      One(file);
    }
    IfEmpty(paths_.root);
  }

  RemovalReport TakeReport() { return std::move(report_); }

 private:
  void Context(const fs::path& kubeconfig) {
    const Result<bool> changed = RemoveContext(kubeconfig, paths_.root);
    if (!changed.ok()) {
      report_.problems.push_back(changed.error().message);
    } else if (*changed) {
      report_.removed.push_back(kubeconfig);
    }
  }

  void RunDirOutside(const fs::path& directory) {
    for (const fs::path& socket : {paths_.etcd_socket, paths_.control_socket}) {
      One(directory / socket.filename());
    }
    IfEmpty(directory);
    // /run/kubase or $XDG_RUNTIME_DIR/kubase, which other data directories share.
    std::error_code ignored;
    if (directory.parent_path().filename() == "kubase")
      fs::remove(directory.parent_path(), ignored);
  }

  void One(const fs::path& file) {
    Record(file, [&](std::error_code& e) { return fs::remove(file, e); });
  }
  void Tree(const fs::path& folder) {
    Record(folder, [&](std::error_code& e) { return fs::remove_all(folder, e) > 0; });
  }

  void IfEmpty(const fs::path& directory) {
    std::error_code error;
    if (fs::is_directory(fs::symlink_status(directory, error)) && !fs::is_empty(directory, error) &&
        !error) {
      for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
           entry.increment(error)) {
        report_.kept.push_back(entry->path());
      }
      return;
    }
    One(directory);
  }

  template <typename Remove>
  void Record(const fs::path& path, const Remove& remove) {
    std::error_code error;
    const bool removed = remove(error);
    if (error) {
      report_.problems.push_back(SystemError(error.value(), "remove", path).message);
    } else if (removed) {
      report_.removed.push_back(path);
    }
  }

  const DataPaths& paths_;
  RemovalReport report_;
};

}  // namespace

Result<RemovalReport> RemoveDataDir(const DataPaths& paths) {
  std::error_code error;
  if (!fs::exists(paths.root, error) && !error) return RemovalReport();
  if (!fs::exists(paths.version_file, error)) {
    if (error) return SystemError(error.value(), "read", paths.version_file);
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} was not made by kubase (it has no VERSION file), so nothing in it "
                             "is removed",
                             paths.root.string())};
  }
  KUBASE_ASSIGN_OR_RETURN(const OwnedFd lock, LockDataDir(paths));
  KUBASE_ASSIGN_OR_RETURN(const std::vector<OutsidePath> outside, ReadOutside(paths));
  Removal removal(paths);
  removal.Outside(outside);
  removal.Folders();
  removal.Root();
  return removal.TakeReport();
}

}  // namespace kubase::launcher
