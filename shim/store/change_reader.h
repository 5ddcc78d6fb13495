// Reads the changes of a key range back from the database, for watchers that are behind the ring.
#pragma once

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/published_revision.h"
#include "shim/store/types.h"
#include "shim/store/watch.h"

namespace kubase::store {

struct ChangeQuery {
  KeyRange range;
  Revision first = 0;      // the first revision wanted
  int64_t events_max = 0;  // of a page; a single larger revision is still returned whole
  bool with_previous = false;
};

// Whole revisions from query.first up to page.revision, which is at least query.first - 1.
// Error kCompacted when changes at query.first may be gone; those of ReadSnapshot.
Result<WatchBatch> ReadChanges(sql::Connection& connection, PublishedRevision& published,
                               const ChangeQuery& query);

}  // namespace kubase::store
