#include "shim/sql/sqlite_mapped_read.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "shim/sql/sqlite.h"
#include "shim/sql/sqlite_connection.h"
#include "tests/support/temporary_directory.h"

namespace kubase::sql {
namespace {

namespace fs = std::filesystem;

constexpr int kRows = 2000;

// A database whose reader has it mapped, and which can be cut off and made whole again.
class MappedDatabase {
 public:
  MappedDatabase() {
    auto database = OpenSqlite({.path = file()});
    REQUIRE(database.ok());
    database_ = std::move(database).value();
    auto writer = database_->Connect(Access::kWrite);
    REQUIRE(writer.ok());
    writer_ = std::move(writer).value();
    AddRows(0);
    REQUIRE(database_->Settle(*writer_).ok());
    auto connection = database_->Connect(Access::kRead);
    REQUIRE(connection.ok());
    reader_ = std::move(connection).value();
    REQUIRE(CountRows().ok());
  }
  ~MappedDatabase() {
    reader_.reset();
    writer_.reset();
    database_.reset();
  }

  // The first pages stay, so that what is missing is met on the way.
  void CutOff() {
    fs::copy_file(file(), file() + ".whole");
    fs::resize_file(file(), 16 * 4096);
  }
  // SQLite maps its index of the log as well.
  void CutOffIndex() { fs::resize_file(file() + "-shm", 0); }
  void MakeWhole() {
    fs::copy_file(file() + ".whole", file(), fs::copy_options::overwrite_existing);
  }

  void AddRows(int first) {
    REQUIRE(writer_->Begin(Access::kWrite).ok());
    const std::string value(1000, 'v');
    for (int i = first; i < first + kRows; ++i) {
      const std::string key = std::to_string(i);
      const std::vector<Value> row = {int64_t{i + 1}, key,        value,      int64_t{2},
                                      int64_t{2},     int64_t{1}, int64_t{0}, int64_t{0}};
      REQUIRE(writer_->Execute(Query::kInsertObject, row).ok());
    }
    REQUIRE(writer_->Commit().ok());
  }
  // The file gets what is in the log, and grows; the log stays.
  void Checkpoint() { REQUIRE(static_cast<SqliteConnection&>(*writer_).Checkpoint().ok()); }

  Connection& reader() { return *reader_; }
  Result<int> CountRows() {
    int rows = 0;
    const std::vector<Value> all = {std::string_view(""), int64_t{-1}};
    KUBASE_TRY(reader_->Select(Query::kListUnbounded, all, [&](const Row& row) {
      rows += row.Bytes(1).size() == 1000 && row.Bytes(1)[999] == 'v' ? 1 : 0;
      return true;
    }));
    return rows;
  }

 private:
  std::string file() const { return directory_.File("a.db"); }

  const testing::TemporaryDirectory directory_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Connection> writer_;
  std::unique_ptr<Connection> reader_;
};

// What this process has read by calls.
int64_t BytesRead() {
  std::ifstream counters("/proc/self/io");
  std::string name;
  int64_t bytes = -1;
  counters >> name >> bytes;
  REQUIRE(name == "rchar:");
  return bytes;
}

TEST_CASE("MappedRead: a page that cannot be read fails that read, and nothing else") {
  MappedDatabase database;
  CHECK(*database.CountRows() == kRows);
  database.CutOff();
  const auto failed = database.CountRows();
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().code == ErrorCode::kInternal);
  CHECK(failed.error().message.find("a.db could not be read") != std::string::npos);
  database.MakeWhole();
  const auto again = database.CountRows();
  REQUIRE(again.ok());
  CHECK(*again == kRows);
}

TEST_CASE("MappedRead: a transaction in which a read failed gives nothing more") {
  MappedDatabase database;
  REQUIRE(database.reader().Begin(Access::kRead).ok());
  CHECK(*database.CountRows() == kRows);
  database.CutOff();
  CHECK_FALSE(database.CountRows().ok());
  database.MakeWhole();
  CHECK_FALSE(database.CountRows().ok());
  database.reader().Rollback();
  REQUIRE(database.reader().Begin(Access::kRead).ok());
  CHECK(*database.CountRows() == kRows);
  CHECK(database.reader().Commit().ok());
}

TEST_CASE("MappedRead: what a checkpoint has added to the file is mapped as well") {
  MappedDatabase database;
  database.AddRows(kRows);
  CHECK(*database.CountRows() == 2 * kRows);
  database.Checkpoint();
  const int64_t before = BytesRead();
  REQUIRE(database.reader().Begin(Access::kRead).ok());
  CHECK(*database.CountRows() == 2 * kRows);
  CHECK(database.reader().Commit().ok());
  CHECK(BytesRead() - before < kRows * 100);
}

// How a process ends that does `work`: the number of the signal, or 0.
template <typename Work>
int SignalThatEnds(const Work& work) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_CASE("MappedRead: SIGBUS that does not tell of the database ends the process") {
  CHECK(SignalThatEnds([] {
          MappedDatabase database;
          database.CutOffIndex();
          (void)database.CountRows();
        }) == SIGBUS);
  CHECK(SignalThatEnds([] {
          const MappedDatabase database;
          raise(SIGBUS);
        }) == SIGBUS);
}

}  // namespace
}  // namespace kubase::sql
