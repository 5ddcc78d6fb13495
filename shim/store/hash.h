// A hash of everything readable at a revision: equal content gives an equal hash on every engine.
#pragma once

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/published_revision.h"
#include "shim/store/types.h"

namespace kubase::store {

// revision <= 0: the current one. Errors: kCompacted, kFutureRevision, those of ReadSnapshot.
Result<HashKvResponse> HashVersions(sql::Connection& connection, PublishedRevision& published,
                                    Revision revision);

}  // namespace kubase::store
