// A database on a server, and its objects.
#pragma once

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
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

inline void AwaitCount(const TestDatabase& data, const char* count) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (data.Ask(count)[0] == "0") REQUIRE(std::chrono::steady_clock::now() < deadline);
}

// Keeps a table from being changed for so long.
class HeldTable {
 public:
  // By default it can be read and written meanwhile.
  HeldTable(const TestDatabase& data, int seconds,
            const std::string& lock = "BEGIN; SELECT * FROM objects",
            const std::string& unlock = "COMMIT")
      : thread_([&data, seconds, lock, unlock] {
          data.RunScript(fmt::format("{}; SELECT {}({}); {}", lock,
                                     OnPostgres() ? "pg_sleep" : "SLEEP", seconds, unlock));
        }) {
    AwaitCount(data, OnPostgres() ? "SELECT count(*) FROM pg_stat_activity "
                                    "WHERE wait_event = 'PgSleep'"
                                  : "SELECT COUNT(*) FROM information_schema.processlist "
                                    "WHERE state = 'User sleep'");
  }
  // Returns when somebody waits to change it.
  static void AwaitWaiter(const TestDatabase& data) {
    AwaitCount(data, OnPostgres() ? "SELECT count(*) FROM pg_stat_activity "
                                    "WHERE wait_event_type = 'Lock'"
                                  : "SELECT COUNT(*) FROM information_schema.processlist "
                                    "WHERE state LIKE 'Waiting for table metadata%'");
  }

 private:
  std::jthread thread_;
};

}  // namespace kubase::sql
