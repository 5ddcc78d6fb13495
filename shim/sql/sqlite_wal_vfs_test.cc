#include "shim/sql/sqlite_wal_vfs.h"

#include <sqlite3.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "tests/support/faulty_vfs.h"
#include "tests/support/temporary_directory.h"

namespace kubase::sql {
namespace {

using Handle = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;

// `vfs` null: SQLite's own.
Handle Open(const std::string& path, const char* vfs) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE;
  REQUIRE(sqlite3_open_v2(path.c_str(), &raw, flags, vfs) == SQLITE_OK);
  return {raw, sqlite3_close};
}

int Run(const Handle& database, const std::string& text) {
  return sqlite3_exec(database.get(), text.c_str(), nullptr, nullptr, nullptr);
}

std::string Ask(const Handle& database, const std::string& text) {
  sqlite3_stmt* statement = nullptr;
  REQUIRE(sqlite3_prepare_v2(database.get(), text.c_str(), -1, &statement, nullptr) == SQLITE_OK);
  std::string answer = "nothing";
  if (sqlite3_step(statement) == SQLITE_ROW) {
    answer = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
  }
  sqlite3_finalize(statement);
  return answer;
}

constexpr char kLog[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
constexpr char kInsertRows[] =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
    "INSERT INTO t SELECT NULL, randomblob(1000) FROM n;";

TEST_CASE("WalVfs: what was committed is in the file for others, also when it is large") {
  const testing::TemporaryDirectory directory;
  const SqliteWalVfs vfs;
  const Handle writer = Open(directory.File("a.db"), vfs.name());
  const Handle other = Open(directory.File("a.db"), nullptr);
  REQUIRE(Run(writer, kLog) == SQLITE_OK);
  REQUIRE(Run(writer, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)") == SQLITE_OK);
  REQUIRE(Run(writer, std::string("BEGIN;") + kInsertRows + "COMMIT") == SQLITE_OK);
  CHECK(Ask(other, "SELECT count(*) FROM t") == "1000");
  CHECK(Ask(other, "PRAGMA integrity_check") == "ok");
}

// With a cache of ten pages the transaction is written to the log on its way, and read from there.
TEST_CASE("WalVfs: a transaction that outgrows the cache is read, undone in part and committed") {
  const testing::TemporaryDirectory directory;
  const SqliteWalVfs vfs;
  const Handle writer = Open(directory.File("a.db"), vfs.name());
  const Handle other = Open(directory.File("a.db"), nullptr);
  REQUIRE(Run(writer, std::string(kLog) + "PRAGMA cache_size = 10") == SQLITE_OK);
  REQUIRE(Run(writer, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)") == SQLITE_OK);
  REQUIRE(Run(writer, std::string("BEGIN;") + kInsertRows) == SQLITE_OK);
  CHECK(Ask(writer, "SELECT sum(length(v)) FROM t") == "1000000");
  REQUIRE(Run(writer, std::string("SAVEPOINT s;") + kInsertRows) == SQLITE_OK);
  CHECK(Ask(writer, "SELECT count(*) FROM t") == "2000");
  REQUIRE(Run(writer, "ROLLBACK TO s; DELETE FROM t WHERE id % 2") == SQLITE_OK);
  CHECK(Ask(other, "SELECT count(*) FROM t") == "0");
  REQUIRE(Run(writer, "COMMIT") == SQLITE_OK);
  CHECK(Ask(other, "SELECT count(*) FROM t") == "500");
  CHECK(Ask(other, "PRAGMA integrity_check") == "ok");
  REQUIRE(Run(writer, std::string("BEGIN;") + kInsertRows +
                          "ROLLBACK; PRAGMA wal_checkpoint(TRUNCATE)") == SQLITE_OK);
  CHECK(Ask(other, "SELECT count(*) FROM t") == "500");
}

TEST_CASE("WalVfs: a log that cannot be written fails the commit, and the next one goes on") {
  const testing::TemporaryDirectory directory;
  testing::FaultyVfs disk;
  const SqliteWalVfs vfs;
  const Handle writer = Open(directory.File("a.db"), vfs.name());
  REQUIRE(Run(writer, kLog) == SQLITE_OK);
  REQUIRE(Run(writer, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)") == SQLITE_OK);
  disk.Inject({.call = testing::DiskCall::kWrite, .nth = 1, .code = SQLITE_FULL});
  CHECK((Run(writer, kInsertRows) & 0xff) == SQLITE_FULL);
  CHECK(disk.faults() == 1);
  disk.Heal();
  CHECK(Ask(writer, "SELECT count(*) FROM t") == "0");
  CHECK(Run(writer, kInsertRows) == SQLITE_OK);
  CHECK(Ask(writer, "SELECT count(*) FROM t") == "1000");
  CHECK(Ask(writer, "PRAGMA integrity_check") == "ok");
}

}  // namespace
}  // namespace kubase::sql
