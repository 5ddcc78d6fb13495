// PostgreSQL as a Database.
//
// Every write transaction locks the row of `meta` and looks whether the database is still led by
// who took the lead last: two writers can never interleave, and what an earlier one still sends is
// refused by the server.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "shim/base/result.h"
#include "shim/sql/database.h"

namespace kubase::sql {

struct PostgresOptions {
  // A URI or a string of libpq: hosts, database, user, TLS.
  std::string connection;
  std::string password = {};  // unless it is in `connection`, or where libpq looks for it
  std::chrono::seconds connect_timeout{3};
  // For which a server may be silent while it works on a statement.
  std::chrono::milliseconds statement_timeout{30'000};
  PoolLimits pool = {};
  // May be null; must outlive the database. Sees every statement.
  StatementObserver* observer = nullptr;
};

// Connects, makes the database if need be, and brings the schema up to date. Errors, each with a
// sentence for the user: kUnavailable (no server, or none that takes writes), kPermissionDenied,
// kNotFound (no such database, and no right to make it), kInvalidArgument (the tables of another
// program), kUnsupported (a newer schema, or a server that is too old), kNoSpace, kCorrupt.
Result<std::unique_ptr<Database>> OpenPostgres(const PostgresOptions& options);

}  // namespace kubase::sql
