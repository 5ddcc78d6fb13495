#include "shim/sql/sqlite_checkpointer.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "shim/sql/sqlite.h"

namespace kubase::sql {
namespace {

namespace fs = std::filesystem;

class Written {
 public:
  Written() {
    std::string pattern = (fs::temp_directory_path() / "kubase-log-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    auto database = OpenSqlite({.path = (directory_ / "a.db").string()});
    REQUIRE(database.ok());
    database_ = std::move(database).value();
    writer_ = Connect(Access::kWrite);
  }
  ~Written() {
    writer_.reset();
    database_.reset();
    fs::remove_all(directory_);
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
        rows.insert(rows.end(),
                    {key, value_, revision_, revision_, int64_t{1}, int64_t{0}, int64_t{0}});
      }
      REQUIRE(writer_->ExecuteMany(Query::kPutObject, rows, 7).ok());
      REQUIRE(writer_->Commit().ok());
    }
  }

  uintmax_t LogBytes() const { return fs::file_size(directory_ / "a.db-wal"); }
  uintmax_t DatabaseBytes() const { return fs::file_size(directory_ / "a.db"); }

 private:
  fs::path directory_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Connection> writer_;
  const std::string value_ = std::string(1000, 'v');
  int64_t revision_ = 1;
};

// 32,768 pages with their headers, and a transaction.
constexpr uintmax_t kLogBytesMax = 140'000'000;

TEST_CASE("Checkpointer: under load the log has a bound and the database gets what it had") {
  Written store;
  store.Commit(1000);
  CHECK(store.LogBytes() < kLogBytesMax);
  CHECK(store.DatabaseBytes() > 200'000'000);
}

TEST_CASE("Checkpointer: a log that a reader held starts anew when the reader has gone") {
  Written store;
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

}  // namespace
}  // namespace kubase::sql
