// Restoring a snapshot (format: cursors.h) into an empty database, on any engine.
#pragma once

#include <istream>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/types.h"

namespace kubase::store {

struct RestoreSummary {
  Revision revision = 0;  // of the restored store, the bump included
  int64_t pairs = 0;
  int64_t leases = 0;
};

// All or nothing, in one transaction on a write connection of who leads. Every revision below the
// restored one counts as compacted. `bump` is added to the revision, for clients that have already
// seen later ones. Errors: kAlreadyExists when the database is not empty, kCorrupt when the
// snapshot cannot be read, those of the database.
Result<RestoreSummary> RestoreSnapshot(std::istream& snapshot, Revision bump,
                                       sql::Connection& connection);

}  // namespace kubase::store
