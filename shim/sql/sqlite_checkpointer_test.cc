#include "shim/sql/sqlite_checkpointer.h"

#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "shim/sql/sqlite.h"
#include "tests/support/faulty_vfs.h"
#include "tests/support/temporary_directory.h"

namespace kubase::sql {
namespace {

namespace fs = std::filesystem;

// A database in a directory, with its writer.
class Written {
 public:
  explicit Written(const fs::path& directory) : directory_(directory) {
    auto database = OpenSqlite({.path = (directory_ / "a.db").string()});
    INFO((database.ok() ? "" : database.error().message));
    REQUIRE(database.ok());
    database_ = std::move(database).value();
    writer_ = Connect(Access::kWrite);
  }
  ~Written() {
    writer_.reset();
    database_.reset();
  }

  std::unique_ptr<Connection> Connect(Access access) {
    auto connection = database_->Connect(access);
    REQUIRE(connection.ok());
    return std::move(connection).value();
  }

  // Some hundred pages each.
  void Commit(int transactions) {
    for (int i = 0; i < transactions; ++i) {
      std::vector<std::string> keys;
      for (int row = 0; row < 256; ++row) keys.push_back(std::to_string(revision_ + row));
      REQUIRE(writer_->Begin(Access::kWrite).ok());
      std::vector<Value> rows;
      for (const std::string& key : keys) {
        ++revision_;
        rows.insert(rows.end(), {revision_, key, value_, revision_, revision_, int64_t{1},
                                 int64_t{0}, int64_t{0}});
      }
      REQUIRE(writer_->ExecuteMany(Query::kInsertObject, rows, 8).ok());
      REQUIRE(writer_->Commit().ok());
    }
  }

  // Those that have their value; -1 when they cannot be read.
  int64_t CountRows() {
    int64_t rows = 0;
    const std::vector<Value> all = {std::string_view(""), int64_t{-1}};
    const auto read = writer_->Select(Query::kListUnbounded, all, [&](const Row& row) {
      rows += row.Bytes(1) == value_ ? 1 : 0;
      return true;
    });
    return read.ok() ? rows : -1;
  }

  Database& database() { return *database_; }
  Connection& writer() { return *writer_; }
  uintmax_t LogBytes() const { return fs::file_size(directory_ / "a.db-wal"); }
  uintmax_t DatabaseBytes() const { return fs::file_size(directory_ / "a.db"); }

 private:
  const fs::path directory_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Connection> writer_;
  const std::string value_ = std::string(1000, 'v');
  int64_t revision_ = 1;
};

// 32,768 pages with their headers, and a transaction.
constexpr uintmax_t kLogBytesMax = 140'000'000;
constexpr uintmax_t kFullLogBytes = 32'768 * (4096 + 24);

TEST_CASE("Checkpointer: under load the log has a bound and the database gets what it had") {
  const testing::TemporaryDirectory directory;
  Written store(directory.path());
  store.Commit(1000);
  CHECK(store.LogBytes() < kLogBytesMax);
  CHECK(store.DatabaseBytes() > 200'000'000);
}

TEST_CASE("Checkpointer: a log that a reader held starts anew when the reader has gone") {
  const testing::TemporaryDirectory directory;
  Written store(directory.path());
  store.Commit(1);
  auto reader = store.Connect(Access::kRead);
  REQUIRE(reader->Begin(Access::kRead).ok());
  REQUIRE(reader->Select(Query::kReadMeta, {}, [](const Row&) { return true; }).ok());
  store.Commit(400);
  const uintmax_t held = store.LogBytes();
  REQUIRE(reader->Commit().ok());
  store.Commit(400);
  CHECK(store.LogBytes() < held + kLogBytesMax / 2);
}

// Linux takes pages for clean after a failed fsync, and a later one succeeds: if the log started
// anew then, the pages that a checkpoint had written would be gone.
TEST_CASE(
    "Checkpointer: what a failed sync has dropped is written again before the log starts anew") {
  testing::FaultyVfs disk;
  std::mt19937_64 random(1);
  const testing::TemporaryDirectory directory, while_it_fails, when_it_is_well;
  {
    Written store(directory.path());
    store.Commit(2);
    auto reader = store.Connect(Access::kRead);
    REQUIRE(reader->Begin(Access::kRead).ok());
    REQUIRE(reader->Select(Query::kReadMeta, {}, [](const Row&) { return true; }).ok());
    store.Commit(10);
    // Of the log at the beginning of the checkpoint, then of the database, which has a part of it.
    disk.Inject({.call = testing::DiskCall::kSync,
                 .nth = 2,
                 .code = SQLITE_IOERR_FSYNC,
                 .persistent = true});
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (disk.faults() < 3 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    REQUIRE(disk.faults() >= 3);
    REQUIRE(reader->Commit().ok());
    disk.WriteCrashImage(directory.path(), while_it_fails.path(), 0.0, random);
    CHECK(store.database().Settle(store.writer()).error().code == ErrorCode::kUnavailable);
    CHECK(store.database().ReclaimSpace(store.writer(), Reclaim::kReuse, {}).error().code ==
          ErrorCode::kUnavailable);
    disk.Heal();
    while (!store.database().Settle(store.writer()).ok() &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    CHECK(store.LogBytes() == 0);
    store.Commit(1);  // over what the log had
    disk.WriteCrashImage(directory.path(), when_it_is_well.path(), 0.0, random);
  }
  CHECK(Written(directory.path()).CountRows() == 13 * 256);
  CHECK(Written(while_it_fails.path()).CountRows() == 12 * 256);
  CHECK(Written(when_it_is_well.path()).CountRows() == 13 * 256);
}

// Whether a thread of this process waits for another one.
bool IsAsleep(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string stat;
  std::getline(file, stat);
  const size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.compare(name_end, 3, ") S") == 0;
}

// The log is full, and the writer waits for the checkpointer, whose sync fails then.
TEST_CASE("Checkpointer: the writer does not finish a copy that it has seen fail") {
  testing::FaultyVfs disk;
  std::mt19937_64 random(1);
  const testing::TemporaryDirectory directory, crashed;
  int64_t transactions = 0;
  {
    Written store(directory.path());
    const pid_t writer = ::gettid();
    std::atomic<bool> waits{false};
    // The first sync of the checkpointer is that of the log, before it copies a part of it.
    const auto is_of_copy = [&] {
      if (::gettid() == writer) return false;
      if (waits) return true;
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
      while ((store.LogBytes() < kFullLogBytes || !IsAsleep(writer)) &&
             std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
      }
      waits = true;
      return false;
    };
    disk.Inject({.call = testing::DiskCall::kSync,
                 .nth = 1,
                 .code = SQLITE_IOERR_FSYNC,
                 .persistent = true,
                 .meets = is_of_copy});
    for (; disk.faults() == 0 && transactions < 1000; ++transactions) store.Commit(1);
    REQUIRE(disk.faults() > 0);
    store.Commit(1);  // over what the log had, if it started anew
    ++transactions;
    CHECK(store.LogBytes() >= kFullLogBytes);
    disk.WriteCrashImage(directory.path(), crashed.path(), 0.0, random);
    disk.Heal();
  }
  CHECK(Written(crashed.path()).CountRows() == transactions * 256);
}

}  // namespace
}  // namespace kubase::sql
