// A database of its own for a test: a SQLite file, or one on the server that KUBASE_TEST_ENDPOINT
// names (tests/databases). It goes with the test.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "shim/sql/database.h"
#include "shim/sql/mysql.h"
#include "tests/support/temporary_directory.h"

namespace kubase::testing {

class TestDatabase {
 public:
  enum class Engine { kSqlite, kPostgres, kMysql };

  TestDatabase();
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  static Engine engine();
  static bool OnServer() { return engine() != Engine::kSqlite; }
  // Led by who opens it last. The test fails when it cannot be opened. `observer` may be null.
  std::unique_ptr<sql::Database> Open(sql::StatementObserver* observer = nullptr) const;
  // Led by whom it was led before.
  Result<std::unique_ptr<sql::Database>> TryOpen(sql::StatementObserver* observer = nullptr) const;
  // On a server, as another of its users.
  Result<std::unique_ptr<sql::Database>> TryOpenAs(const std::string& user) const;

  // Changes it past kubase. Bytes are CAST('…' AS BLOB). How many rows the last statement changed.
  int RunScript(const std::string& script) const;
  // The first column of what a statement gives, on a server; or the last of several statements.
  std::vector<std::string> Ask(const std::string& script) const;
  // Ends all connections of kubase to the server, as its restart would.
  void CutConnections() const;

  // Of the schema on PostgreSQL, of the database on MariaDB.
  const std::string& name() const { return name_; }
  // How kubase reaches it on MariaDB.
  sql::MysqlOptions Mysql() const;

 private:
  std::string PostgresConnection(const std::string& user = {}) const;

  const TemporaryDirectory directory_;
  const std::string name_;  // of the schema or database
};

}  // namespace kubase::testing
