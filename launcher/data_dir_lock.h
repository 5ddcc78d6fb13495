// The lock of a data directory; see data_dir.h.
#pragma once

#include "launcher/data_dir.h"
#include "shim/base/owned_fd.h"
#include "shim/base/result.h"

namespace kubase::launcher {

// Takes the lock and writes our pid into the file. Closing the descriptor releases it; children do
// not inherit it. Errors: kAlreadyExists (held; names the pid), those of opening a file.
Result<OwnedFd> LockDataDir(const DataPaths& paths);

}  // namespace kubase::launcher
