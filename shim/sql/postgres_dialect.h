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

// Fails (22012) unless the database is still led by who set this epoch: (epoch) -> 1. Until the end
// of the transaction nobody else leads it.
inline constexpr char kPostgresGuard[] =
    "SELECT 1 / count(*) FROM (SELECT 1 FROM meta WHERE id = 1 AND epoch = $1 FOR UPDATE) AS led";

// As SqliteSchemaSteps.
const std::vector<std::string>& PostgresSchemaSteps();

}  // namespace kubase::sql
