// What becomes of what a statement gives that travels with others. Private to the sql room.
#pragma once

#include <cstdint>

#include "shim/sql/database.h"

namespace kubase::sql {

// Each pointer may be null, and must be valid until all that was queued has run.
struct StatementSink {
  const RowSink* rows = nullptr;  // in order, until it wants no more
  int64_t* row_count = nullptr;   // grows by how many it gave, wanted or not
  int64_t* changed = nullptr;     // is set to how many rows the statement changed
};

}  // namespace kubase::sql
