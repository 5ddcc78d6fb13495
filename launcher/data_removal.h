// Removing an appliance: everything below its data directory and everything it recorded elsewhere.
//
// Needs no server and no readable database. What kubase did not make stays and is reported.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "launcher/data_dir.h"
#include "shim/base/result.h"

namespace kubase::launcher {

struct RemovalReport {
  std::vector<std::filesystem::path> removed;  // directories, files and kubeconfigs that changed
  std::vector<std::filesystem::path> kept;     // not ours, left where it was
  std::vector<std::string> problems;           // one sentence each: what could not be removed
};

// Removes the appliance. In the data directory and in its db/ only the names that kubase makes go,
// so that a backup or a note put there stays; the other folders are kubase's own and go whole.
// Symbolic links are removed, never followed. The data directory itself goes when it is empty then.
// Idempotent, and repeatable after an interruption; an absent directory is success.
// Errors: kAlreadyExists while a kubase works on it; kInvalidArgument when the directory was not
// made by kubase (no VERSION file); nothing was removed then.
Result<RemovalReport> RemoveDataDir(const DataPaths& paths);

}  // namespace kubase::launcher
