// What to do about a database that lacks what was acknowledged: a server with asynchronous copies
// that failed over to one of them.
//
// Nothing brings the lost writes back, but nobody is left in the dark: revisions go on above all
// that can have been given out, so that none is used twice, and everything below counts as
// compacted, so that watchers list again.
#pragma once

#include "shim/base/log.h"
#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/pairs.h"

namespace kubase::store {

// More revisions than a copy can be behind.
inline constexpr Revision kLostRevisionsMax = 10'000'000;

// The row of `meta` to start from, on a write connection of who leads; `served`: the highest
// revision that this process has shown to anybody. Errors: those of the database.
Result<Meta> PassLostRevisions(sql::Database& database, sql::Connection& connection,
                               Revision served, Log& log);

}  // namespace kubase::store
