// What MariaDB, and the engines that speak its protocol, want to be told in another way.
//
// Parameters are written into the text: "?N" is one, and "?+N" one that is a limit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shim/sql/database.h"
#include "shim/sql/match_statement.h"
#include "shim/sql/queries.h"

namespace kubase::sql {

// The text of a named statement; static storage.
const std::string& MysqlText(Query query);
std::string MysqlMatchText(const MatchShape& shape);

// `text` with its parameters.
std::string Render(std::string_view text, Params params);
// Statements that do what `query` does for each group of `columns` parameters: as many rows at once
// as a statement of limited size holds.
std::vector<std::string> RenderMany(Query query, Params params, size_t columns);

// Fails (1048) unless the database is still led by who set this epoch, and has the writes that it
// knows of: (epoch, writes). Until the end of the transaction nobody else leads it. On a cluster
// whose nodes do not see each other's locks, only what both change lets one of two transactions
// fail: this row.
inline constexpr std::string_view kMysqlGuard =
    "UPDATE meta SET epoch = IF(epoch = ?1 AND writes = ?2, epoch, NULL), "
    "writes = writes + 1 WHERE id = 1";

// As SqliteSchemaSteps, but that each ends with a transaction for each statement that makes a
// table: such statements can be run again.
const std::vector<std::string>& MysqlSchemaSteps();

}  // namespace kubase::sql
