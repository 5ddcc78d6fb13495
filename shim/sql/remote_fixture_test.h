// A database on a server, and its objects.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "shim/sql/database.h"
#include "tests/support/test_database.h"

namespace kubase::sql {

using testing::TestDatabase;

inline bool OnPostgres() {
  return TestDatabase::engine() == TestDatabase::Engine::kPostgres;
}

class Remote {
 public:
  Remote() : database_(data_.Open()) {}

  TestDatabase& data() { return data_; }
  Database& database() { return *database_; }
  std::unique_ptr<Connection> Connect() { return Connect(*database_); }
  static std::unique_ptr<Connection> Connect(Database& database) {
    auto connection = database.Connect(Access::kWrite);
    if (!connection.ok()) FAIL(connection.error().message);
    return std::move(connection).value();
  }

 private:
  TestDatabase data_;
  std::unique_ptr<Database> database_;
};

inline Result<void> Put(Connection& connection, int64_t id, const std::string& key,
                        const std::string& value) {
  const Value row[] = {id, key, value, id, id, int64_t{1}, int64_t{0}, int64_t{0}};
  return connection.ExecuteMany(Query::kInsertObject, row, 8);
}

inline Result<std::string> Get(Connection& connection, const std::string& key) {
  std::string value = "none";
  const Value params[] = {key};
  KUBASE_TRY(connection.Select(Query::kGet, params, [&](const Row& row) {
    value = row.Bytes(1);
    return false;
  }));
  return value;
}

}  // namespace kubase::sql
