// What PostgreSQL, and the engines that speak its protocol, want to be told in another way.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shim/sql/match_statement.h"
#include "shim/sql/queries.h"

namespace kubase::sql {

// The text of a named statement; static storage.
const std::string& PostgresText(Query query);
// The text that runs `query` for many rows of parameters at once, which are given as an array of
// each column. Empty: there is none. Static storage.
std::string_view PostgresManyText(Query query);
std::string PostgresMatchText(const MatchShape& shape);

// Fails (22012) unless the database is still led by who set this epoch, and has the writes that it
// knows of: (epoch, writes) -> 1. Until the end of the transaction nobody else leads it.
inline constexpr char kPostgresGuard[] =
    "WITH led AS (UPDATE meta SET writes = writes + 1 WHERE id = 1 AND epoch = $1 AND writes = $2 "
    "RETURNING 1) SELECT 1 / count(*) FROM led";

// As SqliteSchemaSteps.
const std::vector<std::string>& PostgresSchemaSteps();

}  // namespace kubase::sql
