// SQLite's texts of the named statements and of the schema steps.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "shim/sql/queries.h"

namespace kubase::sql {

// The text of `query`; static storage.
const std::string& SqliteText(Query query);

// Step i brings schema version i to i + 1; each is a script run in one transaction. Steps are only
// ever added.
const std::vector<std::string>& SqliteSchemaSteps();

}  // namespace kubase::sql
