#include "shim/sql/sqlite.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "shim/sql/match_statement.h"
#include "shim/sql/sqlite_connection.h"
#include "shim/sql/sqlite_schema.h"
#include "shim/sql/statements.h"
#include "tests/support/match_shapes.h"
#include "tests/support/sqlite_script.h"
#include "tests/support/temporary_directory.h"

namespace kubase::sql {
namespace {

namespace fs = std::filesystem;
using testing::RunSqliteScript;
using testing::TemporaryDirectory;

// The file of a database, past ours.
class RawDatabase {
 public:
  explicit RawDatabase(const std::string& path) {
    REQUIRE(sqlite3_open(path.c_str(), &handle_) == SQLITE_OK);
  }
  ~RawDatabase() { sqlite3_close(handle_); }
  RawDatabase(const RawDatabase&) = delete;
  RawDatabase& operator=(const RawDatabase&) = delete;

  sqlite3* handle() const { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

std::unique_ptr<Database> MustOpen(const std::string& path) {
  auto database = OpenSqlite({.path = path});
  if (!database.ok()) FAIL(database.error().message);
  return std::move(database).value();
}

std::unique_ptr<Connection> MustConnect(Database& database, Access access) {
  auto connection = database.Connect(access);
  if (!connection.ok()) FAIL(connection.error().message);
  return std::move(connection).value();
}

// Leaves the log behind.
void RunSqlAndDie(const std::string& path, const std::string& text) {
  const pid_t child = fork();
  if (child == 0) {
    sqlite3* raw = nullptr;
    const bool done = sqlite3_open(path.c_str(), &raw) == SQLITE_OK &&
                      sqlite3_exec(raw, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
    _exit(done ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void PutObject(Connection& connection, const std::string& key, const std::string& value,
               int64_t revision) {
  const std::vector<Value> row = {revision, key,        value,      revision,
                                  revision, int64_t{1}, int64_t{0}, int64_t{0}};
  REQUIRE(connection.Execute(Query::kInsertObject, row).ok());
}

TEST_CASE("Sqlite: a new database is at revision 1 and was never compacted") {
  TemporaryDirectory dir;
  auto database = MustOpen(dir.File("a.db"));
  auto connection = MustConnect(*database, Access::kRead);
  int rows = 0;
  REQUIRE(connection
              ->Select(Query::kReadMeta, {},
                       [&](const Row& row) {
                         ++rows;
                         CHECK(row.Int(0) == static_cast<int64_t>(SqliteSchemaSteps().size()));
                         CHECK(row.Int(1) > 0);
                         CHECK(row.Int(2) == 1);
                         CHECK(row.Int(3) == -1);
                         return true;
                       })
              .ok());
  CHECK(rows == 1);
}

TEST_CASE("Sqlite: every statement prepares") {
  TemporaryDirectory dir;
  const std::string path = dir.File("a.db");
  auto database = MustOpen(path);
  const RawDatabase raw(path);
  for (size_t i = 0; i < kQueries; ++i) {
    INFO(QueryName(static_cast<Query>(i)));
    sqlite3_stmt* statement = nullptr;
    CHECK(sqlite3_prepare_v2(raw.handle(), StatementText(static_cast<Query>(i)).c_str(), -1,
                             &statement, nullptr) == SQLITE_OK);
    sqlite3_finalize(statement);
  }
}

// How SQLite is going to run a statement, step by step.
std::vector<std::string> PlanOf(sqlite3* database, const std::string& text) {
  sqlite3_stmt* statement = nullptr;
  REQUIRE(sqlite3_prepare_v2(database, ("EXPLAIN QUERY PLAN " + text).c_str(), -1, &statement,
                             nullptr) == SQLITE_OK);
  std::vector<std::string> steps;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    steps.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(statement, 3)));
  }
  sqlite3_finalize(statement);
  return steps;
}

// The plan of every statement that takes a key, a revision or a lease must use an index.
TEST_CASE("Sqlite: no statement scans a table, but the one that is meant to") {
  TemporaryDirectory dir;
  const std::string path = dir.File("a.db");
  auto database = MustOpen(path);
  const RawDatabase raw(path);
  for (size_t i = 0; i < kQueries; ++i) {
    const auto query = static_cast<Query>(i);
    if (query == Query::kScanVersions || query == Query::kListLeases) continue;
    if (query == Query::kListAlarms) continue;
    if (query == Query::kListKinds) continue;
    if (query == Query::kCompactHistory) continue;  // its LIMIT from the table's beginning
    for (const std::string& step : PlanOf(raw.handle(), StatementText(query))) {
      INFO(QueryName(query) << ": " << step);
      CHECK((step.rfind("SCAN", 0) != 0 || step.find("subquery") != std::string::npos ||
             step.find("(subquery") != std::string::npos));
      CHECK(step.find("TEMP B-TREE") == std::string::npos);
    }
  }
}

TEST_CASE("Sqlite: no search by attributes scans or sorts, whatever its shape") {
  TemporaryDirectory dir;
  const std::string path = dir.File("a.db");
  auto database = MustOpen(path);
  const RawDatabase raw(path);
  testing::ForEachMatchShape([&](const MatchShape& shape) {
    INFO(MatchText(shape, kSqliteMatchStyle));
    for (const std::string& step : PlanOf(raw.handle(), MatchText(shape, kSqliteMatchStyle))) {
      INFO(step);
      CHECK((step.rfind("SCAN", 0) != 0 || step == "SCAN d"));  // the merged entries
      CHECK(step.find("TEMP B-TREE") == std::string::npos);
      CHECK(step.find("PRIMARY KEY (name=?)") == std::string::npos);
    }
  });
}

TEST_CASE("Sqlite: a read transaction keeps its snapshot while a writer commits") {
  TemporaryDirectory dir;
  auto database = MustOpen(dir.File("a.db"));
  auto writer = MustConnect(*database, Access::kWrite);
  auto reader = MustConnect(*database, Access::kRead);
  const auto count = [&](Connection& connection) {
    int64_t n = -1;
    const std::vector<Value> from = {std::string_view("")};
    REQUIRE(connection
                .Select(Query::kCountUnbounded, from,
                        [&](const Row& row) {
                          n = row.Int(0);
                          return true;
                        })
                .ok());
    return n;
  };
  REQUIRE(reader->Begin(Access::kRead).ok());
  CHECK(count(*reader) == 0);
  REQUIRE(writer->Begin(Access::kWrite).ok());
  PutObject(*writer, "a", "1", 2);
  REQUIRE(writer->Commit().ok());
  CHECK(count(*reader) == 0);
  REQUIRE(reader->Commit().ok());
  CHECK(count(*reader) == 1);
}

TEST_CASE("Sqlite: rollback undoes, and a row stops a query early") {
  TemporaryDirectory dir;
  auto database = MustOpen(dir.File("a.db"));
  auto writer = MustConnect(*database, Access::kWrite);
  REQUIRE(writer->Begin(Access::kWrite).ok());
  PutObject(*writer, "a", "1", 2);
  PutObject(*writer, "b", std::string("\0x", 2), 3);
  int rows = 0;
  const std::vector<Value> range = {std::string_view(""), int64_t{-1}};
  REQUIRE(writer
              ->Select(Query::kListUnbounded, range,
                       [&](const Row& row) {
                         ++rows;
                         CHECK(row.Bytes(0) == "a");
                         return false;
                       })
              .ok());
  CHECK(rows == 1);
  writer->Rollback();
  REQUIRE(writer
              ->Select(Query::kListUnbounded, range,
                       [&](const Row&) {
                         FAIL("a row survived the rollback");
                         return false;
                       })
              .ok());
}

TEST_CASE("Sqlite: a second process is refused, and let in when the first is gone") {
  TemporaryDirectory dir;
  const std::string path = dir.File("a.db");
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    auto database = OpenSqlite({.path = path});
    const char done = database.ok() ? 'y' : 'n';
    if (write(ready[1], &done, 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char done = 0;
  REQUIRE(read(ready[0], &done, 1) == 1);
  REQUIRE(done == 'y');
  auto second = OpenSqlite({.path = path});
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == ErrorCode::kAlreadyExists);
  CHECK(second.error().message.find(std::to_string(child)) != std::string::npos);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(OpenSqlite({.path = path}).ok());
  close(ready[0]);
  close(ready[1]);
}

TEST_CASE("Sqlite: bad files are refused with their cause and left alone") {
  TemporaryDirectory dir;
  const std::string path = dir.File("a.db");
  SECTION("not a database") {
    std::ofstream(path) << std::string(8192, 'x');
    auto database = OpenSqlite({.path = path});
    REQUIRE_FALSE(database.ok());
    CHECK(database.error().code == ErrorCode::kCorrupt);
    CHECK(fs::file_size(path) == 8192);
  }
  SECTION("a newer schema") {
    MustOpen(path);
    RunSqliteScript(path, "UPDATE meta SET schema_version = 1000");
    const std::string before = ReadFile(path);
    auto database = OpenSqlite({.path = path});
    REQUIRE_FALSE(database.ok());
    CHECK(database.error().code == ErrorCode::kUnsupported);
    CHECK(database.error().message.find("1000") != std::string::npos);
    CHECK((ReadFile(path) == before));
    CHECK_FALSE(fs::exists(path + "-wal"));
  }
  SECTION("a newer schema that is still in the log") {
    MustOpen(path);
    RunSqlAndDie(path, "UPDATE meta SET schema_version = 1000");
    const std::string before = ReadFile(path);
    const std::string log = ReadFile(path + "-wal");
    REQUIRE_FALSE(log.empty());
    auto database = OpenSqlite({.path = path});
    REQUIRE_FALSE(database.ok());
    CHECK(database.error().code == ErrorCode::kUnsupported);
    CHECK((ReadFile(path) == before));
    CHECK((ReadFile(path + "-wal") == log));
  }
  SECTION("the database of another program") {
    RunSqliteScript(path,
                    GENERATE("CREATE TABLE bookmarks(url)", "CREATE TABLE meta(name, value)"));
    const std::string before = ReadFile(path);
    auto database = OpenSqlite({.path = path});
    REQUIRE_FALSE(database.ok());
    CHECK(database.error().code == ErrorCode::kInvalidArgument);
    CHECK(database.error().message.find("belongs to another program") != std::string::npos);
    CHECK((ReadFile(path) == before));
  }
  SECTION("no directory") {
    auto database = OpenSqlite({.path = dir.File("none/a.db")});
    REQUIRE_FALSE(database.ok());
    CHECK(database.error().code == ErrorCode::kNotFound);
  }
  SECTION("a directory") {
    fs::create_directory(path);
    auto database = OpenSqlite({.path = path});
    REQUIRE_FALSE(database.ok());
    CHECK(database.error().code == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("Sqlite: an empty file and an empty database become ours") {
  TemporaryDirectory dir;
  const std::string path = dir.File("a.db");
  std::ofstream(path) << "";
  CHECK(OpenSqlite({.path = path}).ok());
  RunSqliteScript(dir.File("b.db"), "CREATE TABLE t(x); DROP TABLE t");
  CHECK(OpenSqlite({.path = dir.File("b.db")}).ok());
  CHECK(OpenSqlite({.path = dir.File("b.db")}).ok());
}

TEST_CASE("Sqlite: result codes are told apart") {
  CHECK(ClassifySqlite(SQLITE_BUSY, "").code == ErrorCode::kUnavailable);
  CHECK(ClassifySqlite(SQLITE_BUSY_SNAPSHOT, "").code == ErrorCode::kUnavailable);
  CHECK(ClassifySqlite(SQLITE_FULL, "").code == ErrorCode::kNoSpace);
  CHECK(ClassifySqlite(SQLITE_CORRUPT_INDEX, "").code == ErrorCode::kCorrupt);
  CHECK(ClassifySqlite(SQLITE_NOTADB, "").code == ErrorCode::kCorrupt);
  CHECK(ClassifySqlite(SQLITE_READONLY, "").code == ErrorCode::kPermissionDenied);
  CHECK(ClassifySqlite(SQLITE_CANTOPEN, "").code == ErrorCode::kPermissionDenied);
  CHECK(ClassifySqlite(SQLITE_IOERR_FSYNC, "").code == ErrorCode::kInternal);
}

}  // namespace
}  // namespace kubase::sql
