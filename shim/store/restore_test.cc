#include "shim/store/restore.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

#include "shim/base/limits.h"
#include "shim/store/store_fixture_test.h"

namespace kubase::store {
namespace {

// A database in a directory of its own.
class Home {
 public:
  explicit Home(sql::StatementObserver* observer = nullptr) : database_(data_.Open(observer)) {}
  sql::Database& database() { return *database_; }
  Result<RestoreSummary> Restore(const std::string& snapshot, Revision bump = 0) {
    auto connection = database_->Connect(sql::Access::kWrite);
    REQUIRE(connection.ok());
    std::istringstream stream(snapshot);
    return RestoreSnapshot(stream, bump, **connection);
  }

 private:
  const testing::TestDatabase data_;
  std::unique_ptr<sql::Database> database_;
};

class OpenStore {
 public:
  explicit OpenStore(sql::Database& database) : log_(LogTo([](LogLevel, const std::string&) {})) {
    auto store = SqlStore::Open({}, database, registry_, clock_, *log_);
    REQUIRE(store.ok());
    store_ = std::move(store).value();
  }
  template <typename T>
  T Call(const std::function<void(SqlStore&, Callback<T>)>& call) {
    auto result = Wait<T>([&](auto done) { call(*store_, std::move(done)); });
    if (!result.ok()) FAIL(result.error().message);
    return std::move(result).value();
  }
  void Put(const std::string& key, const std::string& value, LeaseId lease = 0) {
    Call<PutResponse>([&](SqlStore& store, Callback<PutResponse> done) {
      store.Put({.key = key, .value = value, .lease = lease}, std::move(done));
    });
  }
  void Compact() {
    Call<Revision>([](SqlStore& store, Callback<Revision> done) {
      store.Compact(store.current_revision(), true, std::move(done));
    });
  }
  HashKvResponse Hash() {
    return Call<HashKvResponse>(
        [](SqlStore& store, Callback<HashKvResponse> done) { store.HashKv(0, std::move(done)); });
  }
  std::string Snapshot() {
    auto cursor = Call<std::shared_ptr<ByteCursor>>(
        [](SqlStore& store, auto done) { store.OpenSnapshot(std::move(done)); });
    std::string bytes, part;
    do {
      part = Call<std::string>([&](SqlStore&, auto done) { cursor->Next(std::move(done)); });
      bytes += part;
    } while (!part.empty());
    return bytes;
  }
  std::vector<LeaseId> Leases() {
    return Call<std::vector<LeaseId>>(
        [](SqlStore& store, auto done) { store.List(std::move(done)); });
  }
  SqlStore& store() { return *store_; }

 private:
  prometheus::Registry registry_;
  SystemClock clock_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<SqlStore> store_;
};

// A store with pairs that were changed and removed, a lease, and more than one part of snapshot.
std::string MakeSnapshot(HashKvResponse* hash) {
  Home home;
  OpenStore opened(home.database());
  opened.Call<LeaseGrantResponse>([](SqlStore& store, auto done) { store.Grant(7, 600, done); });
  for (int i = 0; i < 300; ++i) {
    opened.Put("key" + std::to_string(i % 200), std::string(1000, 'v') + std::to_string(i),
               i % 10 == 0 ? 7 : 0);
  }
  opened.Put(std::string("\0binary\xff", 8), std::string("\0\xff", 2));
  opened.Call<DeleteRangeResponse>([](SqlStore& store, auto done) {
    store.DeleteRange({.range = {"key17", "key19"}}, std::move(done));
  });
  opened.Compact();
  *hash = opened.Hash();
  return opened.Snapshot();
}

// The most that was written with nothing read in between, when it could have been sent.
class Unsent final : public sql::StatementObserver {
 public:
  void OnStatement(const sql::StatementRun& run) override {
    writes_ = run.name == "insert_object" ? writes_ + 1 : 0;
    most_ = std::max(most_, writes_);
  }
  int most() const { return most_; }

 private:
  int writes_ = 0;
  int most_ = 0;
};

TEST_CASE("Restore: no more than a part of a snapshot waits in memory to be sent") {
  std::string snapshot;
  {
    Home home;
    OpenStore opened(home.database());
    for (int i = 0; i < 8; ++i) {
      opened.Put("key" + std::to_string(i), std::string(limits::kRestoreUnsentBytesMax / 2, 'v'));
    }
    snapshot = opened.Snapshot();
  }
  Unsent unsent;
  Home home(&unsent);
  REQUIRE(home.Restore(snapshot).ok());
  CHECK(unsent.most() <= 2);
}

TEST_CASE("Restore: the restored store has the same hash, revision and leases") {
  HashKvResponse before;
  const std::string snapshot = MakeSnapshot(&before);
  Home home;
  const auto restored = home.Restore(snapshot);
  REQUIRE(restored.ok());
  CHECK(restored->revision == before.revision);
  CHECK(restored->pairs == 179);
  CHECK(restored->leases == 1);
  OpenStore opened(home.database());
  const HashKvResponse after = opened.Hash();
  CHECK(after.hash == before.hash);
  CHECK(after.revision == before.revision);
  CHECK(after.compact_revision == before.compact_revision);
  CHECK(opened.Leases() == std::vector<LeaseId>{7});
  opened.Put("new", "value");
  CHECK(opened.store().current_revision() == before.revision + 1);
}

// As etcd does, whose snapshots are its whole database.
TEST_CASE("Restore: an alarm that was raised is raised in the restored store") {
  Home original;
  OpenStore opened(original.database());
  opened.Call<Revision>([](SqlStore& store, auto done) { store.RaiseNoSpace(std::move(done)); });
  Home home;
  REQUIRE(home.Restore(opened.Snapshot()).ok());
  OpenStore restored(home.database());
  CHECK(
      restored.Call<StoreStatus>([](SqlStore& store, auto done) { store.Status(std::move(done)); })
          .no_space);
}

TEST_CASE("Restore: a bump moves the revision past what clients have seen") {
  HashKvResponse before;
  const std::string snapshot = MakeSnapshot(&before);
  Home home;
  REQUIRE(home.Restore(snapshot, 1000)->revision == before.revision + 1000);
  OpenStore opened(home.database());
  CHECK(opened.Hash().compact_revision == before.revision + 1000);
}

TEST_CASE("Restore: what is cut off, changed or no snapshot is refused and leaves nothing") {
  HashKvResponse before;
  const std::string snapshot = MakeSnapshot(&before);
  std::vector<std::string> bad = {"", "nonsense", snapshot + ""};
  bad[2][0] = 'X';
  for (const size_t size :
       {size_t{17}, size_t{18}, size_t{30}, size_t{70}, snapshot.size() / 2, snapshot.size() - 1}) {
    bad.push_back(snapshot.substr(0, size));
  }
  Home home;
  for (const std::string& bytes : bad) {
    CAPTURE(bytes.size());
    const auto restored = home.Restore(bytes);
    REQUIRE(!restored.ok());
    CHECK(restored.error().code == ErrorCode::kCorrupt);
  }
  REQUIRE(home.Restore(snapshot).ok());
  CHECK(home.Restore(snapshot).error().code == ErrorCode::kAlreadyExists);
}

}  // namespace
}  // namespace kubase::store
