// The schema of SQLite databases.
#pragma once

#include <string>
#include <vector>

namespace kubase::sql {

// Step i brings schema version i to i + 1; each is a script run in one transaction. Steps are only
// ever added.
const std::vector<std::string>& SqliteSchemaSteps();

}  // namespace kubase::sql
