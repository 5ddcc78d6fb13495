// Simulates the deletion of an object in a snapshot: what the two collectors of garbage would make
// of it and of its dependents, until nothing changes any more.
//
// The rules are those of the collectors (collect/judgement.h, collect/deletion.h). What they leave
// to chance, which of two deletions comes first, is decided by the order in which they are found.
// Finalizers of others are taken to be removed some day; what waits for that is told to be blocked.
#pragma once

#include "shim/base/clock.h"
#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/deletion_effects.h"
#include "shim/store/pairs.h"

namespace kubase::store {

struct PreviewSetting {
  const Clock& clock;
  bool storage_collects = true;  // as SqlStoreOptions::collects_garbage
};

// The snapshot is that of the connection's transaction. Memory grows with the listed effects, and
// with the objects that have several owners or dependents of their own. Errors: kInvalidArgument
// (no such kind, or several), kNotFound (no such object), those of the database.
Result<DeletionPreview> SimulateDeletion(sql::Connection& connection, const Meta& meta,
                                         const PreviewSetting& setting,
                                         const PreviewRequest& request);

}  // namespace kubase::store
