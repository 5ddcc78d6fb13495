// MariaDB and MySQL as a Database.
//
// As on PostgreSQL, every write transaction locks the row of `meta` and looks whether the database
// is still led by who took the lead last. Statements travel together, as one text.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/database.h"

namespace kubase::sql {

struct MysqlHost {
  std::string name = "127.0.0.1";
  uint16_t port = 3306;
};

struct MysqlOptions {
  // Several are the nodes of one cluster: one is used as long as it works, then the next.
  std::vector<MysqlHost> hosts = {MysqlHost{}};
  std::string unix_socket = {};  // instead of them
  std::string user;
  std::string password = {};
  std::string database;
  // TLS, where `tls` is set: the server's certificate has to be of `ca_file`, or of one that the
  // system trusts, and for the host; unless `verify` is not set.
  bool tls = false;
  bool verify = true;
  std::string ca_file = {};
  std::string cert_file = {};
  std::string key_file = {};
  std::chrono::seconds connect_timeout{3};
  // For which a server may be silent while it works on a statement.
  std::chrono::seconds statement_timeout{30};
  PoolLimits pool = {};
  // May be null; must outlive the database. Sees every statement.
  StatementObserver* observer = nullptr;
};

// Connects, makes the database if need be, and brings the schema up to date. Errors, each with a
// sentence for the user: kUnavailable (no server, or one that takes no writes), kPermissionDenied,
// kInvalidArgument (the tables of another program), kUnsupported (a newer schema), kNoSpace,
// kCorrupt.
Result<std::unique_ptr<Database>> OpenMysql(const MysqlOptions& options);

}  // namespace kubase::sql
