// Reading the pairs of a range that a selector selects.
#pragma once

#include <cstdint>
#include <functional>

#include "shim/base/result.h"
#include "shim/select/selector.h"
#include "shim/sql/database.h"
#include "shim/store/pairs.h"
#include "shim/store/types.h"

namespace kubase::store {

// As ScanRange, for the pairs that match. Pairs that cannot be read match. Where the index of
// attributes can answer, its cost grows with the pairs that the most selective requirement
// selects, not with the range; else each pair of the range is read.
Result<void> ScanMatching(sql::Connection& connection, const Meta& meta,
                          const select::Selector& selector, const KeyRange& range,
                          Revision revision, int64_t limit, bool keys_only,
                          const std::function<bool(KeyValuePtr)>& sink);

}  // namespace kubase::store
