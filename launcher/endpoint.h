// Endpoint: where the data is, as kine's --endpoint says it.
//
// A plain path, "sqlite://PATH?PARAMETERS", "postgres://USER:PASSWORD@HOST:PORT/DATABASE?…" as
// libpq reads it, or "mysql://USER:PASSWORD@tcp(HOST:PORT)/DATABASE?…". kine's own parameters for
// its SQLite driver are accepted when they ask for what kubase does anyway, so that its command
// lines work as they are; all others are refused instead of being ignored.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/sql/mysql.h"
#include "shim/sql/postgres.h"

namespace kubase::launcher {

struct Endpoint {
  std::filesystem::path sqlite_file;  // "": it is another engine
  std::string display;                // without secrets
  std::optional<sql::PostgresOptions> postgres = std::nullopt;
  std::optional<sql::MysqlOptions> mysql = std::nullopt;
};

// An empty text or "sqlite://" stands for `default_file`. Errors, one sentence with the fix and
// without secrets: kUnsupported (an engine that this version does not serve), kInvalidArgument,
// kNotFound and kPermissionDenied (a file of a password).
Result<Endpoint> ParseEndpoint(const std::string& text, const std::filesystem::path& default_file);

// Opens the database, and makes it where it is not there yet. `observer` may be null, and must
// outlive it. Errors: those of sql::OpenSqlite, sql::OpenPostgres and sql::OpenMysql.
Result<std::unique_ptr<sql::Database>> OpenDatabase(const Endpoint& endpoint,
                                                    sql::StatementObserver* observer);

}  // namespace kubase::launcher
