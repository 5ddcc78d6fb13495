// The texts of the named statements (queries.h), in the SQL that the engines share, as SQLite reads
// it: "?N" is a parameter, "x''" no bytes, and LIMIT with a negative number no limit. The dialects
// of the other engines rewrite these.
#pragma once

#include <string>

#include "shim/sql/queries.h"

namespace kubase::sql {

// Static storage.
const std::string& StatementText(Query query);

// The same for engines that sort a union: of a page that is merged of two tables each is read up to
// the limit.
std::string WithLimitedArms(Query query);

}  // namespace kubase::sql
