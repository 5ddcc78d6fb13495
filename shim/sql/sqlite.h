// SQLite as a Database: one file in WAL mode with synchronous=FULL.
//
// A commit that returned is on the disk. The file is locked for this process (a lock file beside
// it, released by the kernel when the process dies), because a second writer with its own idea of
// the current revision would break every promise of the store.
#pragma once

#include <memory>
#include <string>

#include "shim/base/result.h"
#include "shim/sql/database.h"

namespace kubase::sql {

struct SqliteOptions {
  std::string path;
  // May be null; must outlive the database. Sees every statement.
  StatementObserver* observer = nullptr;
};

// Opens or creates the file and brings its schema up to date; the directory must exist. Errors,
// each with a sentence for the user: kAlreadyExists (another process has it), kPermissionDenied,
// kNoSpace, kCorrupt (not a database, or damaged), kUnsupported (a newer schema) and
// kInvalidArgument (a directory, or the database of another program), both of which leave it as it
// is, kNotFound (no directory).
Result<std::unique_ptr<Database>> OpenSqlite(const SqliteOptions& options);

}  // namespace kubase::sql
