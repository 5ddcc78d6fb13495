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

// Begins to read what was committed so far. TiDB, where it may write as well, knows no list here.
inline constexpr std::string_view kMysqlSnapshot =
    "START TRANSACTION WITH CONSISTENT SNAPSHOT/*M! , READ ONLY */";

// What a connection is told first. Statements have what they need in them, and mean the same
// whatever the server's settings are. Subqueries are looked up for each row outside, as they are
// written. While a connection that nobody hears of any more has locks, nobody else can write: only
// MariaDB can tell it to end.
inline constexpr char kMysqlSettings[] =
    "SET NAMES binary, SESSION autocommit = 1, /*M! SESSION idle_write_transaction_timeout = 3, */ "
    "SESSION sql_mode = 'STRICT_ALL_TABLES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,"
    "NO_AUTO_VALUE_ON_ZERO', SESSION wait_timeout = 28800, SESSION innodb_lock_wait_timeout = 20, "
    "SESSION optimizer_switch = 'semijoin=off,materialization=off'";

// As SqliteSchemaSteps, but that each ends with a transaction for each statement that makes a
// table: such statements can be run again.
const std::vector<std::string>& MysqlSchemaSteps();

}  // namespace kubase::sql
