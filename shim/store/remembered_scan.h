// ScanRemembered: a range of the present, from the keys that the database lists and the pairs that
// memory has.
//
// In an index keys lie beside each other; what belongs to each is on a page of its own, and has to
// be copied from there. Where PairCache has most of a range, which is so in a small cluster, all of
// this is spared but for the keys.
#pragma once

#include <functional>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/pair_cache.h"
#include "shim/store/pairs.h"
#include "shim/store/types.h"

namespace kubase::store {

// As ScanRange, of a snapshot that is published; `pairs`, null for none, learns what it has room
// for. Errors: kCorrupt, those of the database.
Result<void> ScanRemembered(sql::Connection& connection, const Meta& meta, const KeyRange& range,
                            Revision revision, int64_t limit, bool keys_only, PairCache* pairs,
                            const std::function<bool(KeyValuePtr)>& sink);

}  // namespace kubase::store
