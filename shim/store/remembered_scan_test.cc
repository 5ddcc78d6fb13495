// Scans beside a memory that knows all, some or none of the pairs, and more than the snapshot.
#include "shim/store/remembered_scan.h"

#include <catch2/catch.hpp>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/counting_observer.h"
#include "tests/support/test_database.h"
#include "tests/support/wrapped_database.h"

namespace kubase::store {
namespace {

using Found = std::vector<std::string>;

const KeyRange kAll{"/", "0"};
constexpr size_t kPlenty = 1 << 20;  // bytes of memory

// Lists come to an end, and then it shows that what they gave was wrong, as after a page of the
// mapping that could not be read.
class FailingLists : public testing::WrappedConnection {
 public:
  using WrappedConnection::WrappedConnection;
  Result<void> Select(sql::Query query, sql::Params params, const sql::RowSink& sink) override {
    KUBASE_TRY(WrappedConnection::Select(query, params, sink));
    if (query != sql::Query::kList || !fail) return Ok();
    return Error{ErrorCode::kInternal, "the disk failed"};
  }

  bool fail = false;
};

// The table of objects, one snapshot of it, and a memory that is told of each change.
class Objects {
 public:
  Objects() {
    database_ = data_.Open(&statements_);
    writer_ = Connect(sql::Access::kWrite);
    reader_ = std::make_unique<FailingLists>(Connect(sql::Access::kRead));
    Forget(kPlenty);
  }

  void Put(const std::string& key, const std::string& value) {
    RemoveRow(key);
    ++revision_;
    const int64_t id = ++last_id_;
    Write(sql::Query::kInsertObject,
          {id, key, value, revision_, revision_, int64_t{1}, int64_t{0}, int64_t{0}});
    ids_[key] = id;
    Tell(Event::Type::kPut, {.key = key, .value = value, .mod_revision = revision_, .id = id});
  }
  void Delete(const std::string& key) {
    if (!RemoveRow(key)) return;
    ++revision_;
    Tell(Event::Type::kDelete, {.key = key});
  }
  // Memory starts anew.
  void Forget(size_t bytes) { memory_ = std::make_unique<PairCache>(bytes); }

  void BeginSnapshot() {
    REQUIRE(reader_->Begin(sql::Access::kRead).ok());
    REQUIRE(ReadMeta(*reader_).ok());  // it is that of the first statement
    snapshot_.revision = revision_;
  }
  void EndSnapshot() { reader_->Rollback(); }

  // KEY=VALUE@REVISION of each pair, until the sink has as many as it wants.
  Found Scan(const KeyRange& range, int64_t limit, size_t wanted, PairCache* memory) {
    Found found;
    REQUIRE(ScanRemembered(*reader_, snapshot_, range, snapshot_.revision, limit, false, memory,
                           [&](const KeyValuePtr& pair) {
                             found.push_back(pair->key + "=" + pair->value + "@" +
                                             std::to_string(pair->mod_revision));
                             return found.size() < wanted;
                           })
                .ok());
    return found;
  }
  void FailToScanAll() {
    reader_->fail = true;
    CHECK_FALSE(ScanRemembered(*reader_, snapshot_, kAll, snapshot_.revision, -1, false,
                               memory_.get(), [](const KeyValuePtr&) { return true; })
                    .ok());
    reader_->fail = false;
  }
  Found ScanAll() { return Scan(kAll, -1, std::numeric_limits<size_t>::max(), memory_.get()); }

  // How often it was run since this was asked the last time.
  int TakeRuns(sql::Query query) { return statements_.Take(std::string(sql::QueryName(query))); }
  PairCache* memory() { return memory_.get(); }

 private:
  std::unique_ptr<sql::Connection> Connect(sql::Access access) {
    auto connection = database_->Connect(access);
    REQUIRE(connection.ok());
    return std::move(connection).value();
  }
  bool RemoveRow(const std::string& key) {
    const auto id = ids_.extract(key);
    if (!id.empty()) Write(sql::Query::kDeleteObject, {id.mapped()});
    return !id.empty();
  }
  void Write(sql::Query query, const std::vector<sql::Value>& row) {
    REQUIRE(writer_->Begin(sql::Access::kWrite).ok());
    REQUIRE(writer_->Execute(query, row).ok());
    REQUIRE(writer_->Commit().ok());
  }
  void Tell(Event::Type type, KeyValue pair) {
    auto kv = std::make_shared<const KeyValue>(std::move(pair));
    memory_->OnCommitted(
        {{revision_, {std::make_shared<const Event>(Event{type, std::move(kv), nullptr})}}});
  }

  const testing::TestDatabase data_;
  testing::CountingObserver statements_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Connection> writer_;
  std::unique_ptr<FailingLists> reader_;
  std::unique_ptr<PairCache> memory_;
  Meta snapshot_;
  std::map<std::string, int64_t> ids_;
  int64_t last_id_ = 0;
  Revision revision_ = 1;
};

std::string KeyOf(int number) {
  return "/" + std::to_string(1000 + number);
}

TEST_CASE("RememberedScan: what memory knows is not read, a few others are read by themselves") {
  Objects objects;
  constexpr int kKeys = 40;
  for (int i = 0; i < kKeys; ++i) objects.Put(KeyOf(i), "v");
  objects.BeginSnapshot();
  CHECK(objects.ScanAll().size() == kKeys);
  CHECK(objects.TakeRuns(sql::Query::kListBareKeys) == 1);
  CHECK(objects.TakeRuns(sql::Query::kList) == 0);
  CHECK(objects.TakeRuns(sql::Query::kGet) == 0);
  objects.Forget(kPlenty);
  CHECK(objects.ScanAll().size() == kKeys);  // which teaches it
  CHECK(objects.TakeRuns(sql::Query::kList) == 1);
  CHECK(objects.ScanAll().size() == kKeys);
  CHECK(objects.TakeRuns(sql::Query::kList) == 0);
  objects.EndSnapshot();
  objects.Put(KeyOf(0), "unknown to the new one");
  objects.Forget(kPlenty);
  objects.BeginSnapshot();
  (void)objects.Scan({KeyOf(1), "0"}, -1, kKeys, objects.memory());
  CHECK(objects.TakeRuns(sql::Query::kList) == 1);
  CHECK(objects.ScanAll().front() == KeyOf(0) + "=unknown to the new one@42");
  CHECK(objects.TakeRuns(sql::Query::kList) == 0);
  CHECK(objects.TakeRuns(sql::Query::kGet) == 1);
}

TEST_CASE("RememberedScan: what a failed scan gave is not learned") {
  Objects objects;
  constexpr int kKeys = 40;
  for (int i = 0; i < kKeys; ++i) objects.Put(KeyOf(i), "v");
  objects.Forget(kPlenty);
  objects.BeginSnapshot();
  objects.FailToScanAll();
  CHECK(objects.memory()->bytes() == 0);
  CHECK(objects.ScanAll().size() == kKeys);
  CHECK(objects.memory()->bytes() > 0);
}

TEST_CASE("RememberedScan: a few unknown keys are not read one by one when they are all there is") {
  Objects objects;
  for (int i = 0; i < 6; ++i) objects.Put(KeyOf(i), "v");
  objects.Forget(0);  // where nothing has room
  objects.BeginSnapshot();
  CHECK(objects.ScanAll().size() == 6);
  CHECK(objects.TakeRuns(sql::Query::kGet) == 0);
  CHECK(objects.TakeRuns(sql::Query::kList) == 1);
}

TEST_CASE("RememberedScan: memory can know of more than the snapshot") {
  Objects objects;
  for (const char* key : {"/a", "/b", "/c", "/d"}) objects.Put(key, "old");
  objects.BeginSnapshot();
  const Found old = {"/a=old@2", "/b=old@3", "/c=old@4", "/d=old@5"};
  CHECK(objects.ScanAll() == old);
  objects.Delete("/a");
  objects.Put("/b", "new");
  objects.Delete("/c");
  objects.Put("/c", "again");
  objects.Put("/e", "new");
  CHECK(objects.ScanAll() == old);
  objects.EndSnapshot();
  objects.BeginSnapshot();
  CHECK(objects.ScanAll() == Found{"/b=new@7", "/c=again@9", "/d=old@5", "/e=new@10"});
}

TEST_CASE("RememberedScan: random ranges of random changes are as without memory") {
  const auto seed = GENERATE(1U, 2U, 3U);
  const size_t memory_bytes = GENERATE(size_t{64 * 1024}, size_t{64 * 2048}, kPlenty);
  CAPTURE(seed, memory_bytes);
  std::mt19937 random(seed);
  const auto draw = [&](int below) { return static_cast<int>(random() % below); };
  Objects objects;
  objects.Forget(memory_bytes);
  for (int round = 0; round < 60; ++round) {
    const auto change = [&] {
      const std::string key = KeyOf(draw(120));
      draw(4) == 0 ? objects.Delete(key) : objects.Put(key, std::to_string(draw(1000)));
    };
    for (int i = draw(20); i > 0; --i) change();
    if (draw(20) == 0) objects.Forget(memory_bytes);
    objects.BeginSnapshot();
    for (int i = draw(10); i > 0; --i) change();
    for (int scan = 0; scan < 3; ++scan) {
      const KeyRange range{KeyOf(draw(60)), draw(3) == 0 ? std::string(1, '\0') : KeyOf(draw(140))};
      const int64_t limit = draw(2) == 0 ? -1 : 1 + draw(50);
      const auto wanted = static_cast<size_t>(1 + draw(150));
      REQUIRE(objects.Scan(range, limit, wanted, objects.memory()) ==
              objects.Scan(range, limit, wanted, nullptr));
    }
    objects.EndSnapshot();
  }
}

}  // namespace
}  // namespace kubase::store
