// The store over a real SQLite file, through its public interface.
#include "shim/store/sql_store.h"

#include <catch2/catch.hpp>
#include <limits>
#include <random>

#include "shim/base/limits.h"
#include "shim/store/store_fixture_test.h"
#include "tests/support/counting_observer.h"

namespace kubase::store {
namespace {

class Fixture : public StoreFixture {
 public:
  Fixture() : StoreFixture({.lease_check_interval = std::chrono::milliseconds(5)}) {}

  Revision Put(const std::string& key, const std::string& value, LeaseId lease = 0) {
    auto put = StoreFixture::Put({.key = key, .value = value, .lease = lease});
    REQUIRE(put.ok());
    return put->revision;
  }
  int64_t Delete(const KeyRange& range) {
    auto deletion = StoreFixture::Delete(range);
    REQUIRE(deletion.ok());
    return deletion->deleted;
  }
  uint32_t Hash(Revision revision) {
    auto hash = Wait<HashKvResponse>([&](auto done) { store().HashKv(revision, std::move(done)); });
    REQUIRE(hash.ok());
    return hash->hash;
  }
};

KeyRange Prefix(const std::string& prefix) {
  std::string end = prefix;
  ++end.back();
  return {prefix, end};
}

TEST_CASE("SqlStore: the empty store is at revision 1; each change takes one more") {
  Fixture f;
  CHECK(f.Range({.range = {"a", ""}})->revision == 1);
  CHECK(f.Put("a", "1") == 2);
  CHECK(f.Put("a", "2") == 3);
  CHECK(f.Delete({"b", ""}) == 0);
  CHECK(f.store().current_revision() == 3);
  CHECK(f.Delete({"a", ""}) == 1);
  CHECK(f.Put("a", "3") == 5);
  auto range = f.Range({.range = {"a", ""}});
  REQUIRE(range->kvs.size() == 1);
  CHECK(range->kvs[0]->create_revision == 5);
  CHECK(range->kvs[0]->version == 1);
}

TEST_CASE("SqlStore: old revisions read as they were, until they are compacted") {
  Fixture f;
  f.Put("a", "1");      // 2
  f.Put("b", "1");      // 3
  f.Put("a", "2");      // 4
  f.Delete({"b", ""});  // 5
  f.Put("b", "2");      // 6
  const auto values = [&](Revision revision) {
    std::string all;
    auto range = f.Range({.range = Prefix("a"), .revision = revision});
    REQUIRE(range.ok());
    CHECK(range->revision == 6);
    auto whole = f.Range({.range = {"a", "z"}, .revision = revision});
    for (const auto& kv : whole->kvs) all += kv->key + kv->value + " ";
    CHECK(whole->count == static_cast<int64_t>(whole->kvs.size()));
    return all;
  };
  CHECK(values(2) == "a1 ");
  CHECK(values(3) == "a1 b1 ");
  CHECK(values(4) == "a2 b1 ");
  CHECK(values(5) == "a2 ");
  CHECK(values(6) == "a2 b2 ");
  CHECK(f.Range({.range = {"a", ""}, .revision = 7}).error().code == ErrorCode::kFutureRevision);
  REQUIRE(f.Compact(4).ok());
  CHECK(values(4) == "a2 b1 ");
  CHECK(f.Range({.range = {"a", ""}, .revision = 3}).error().code == ErrorCode::kCompacted);
  CHECK(f.Compact(4).error().code == ErrorCode::kCompacted);
  CHECK(f.Compact(7).error().code == ErrorCode::kFutureRevision);
}

TEST_CASE("SqlStore: a limit cuts, counts everything and says that there is more") {
  Fixture f;
  for (const char* key : {"a", "b", "c"}) f.Put(key, "v");
  auto range = f.Range({.range = {"a", "z"}, .limit = 2});
  CHECK(range->kvs.size() == 2);
  CHECK(range->count == 3);
  CHECK(range->more);
  range = f.Range({.range = {"a", "z"}, .limit = 3});
  CHECK_FALSE(range->more);
  range = f.Range({.range = {"a", "z"}, .limit = std::numeric_limits<int64_t>::max()});
  CHECK(range->kvs.size() == 3);
  CHECK_FALSE(range->more);
  range = f.Range({.range = {"a", "z"}, .limit = 1, .revision = 3});
  CHECK(range->count == 2);
  CHECK(range->more);
  range = f.Range({.range = {"", std::string(1, '\0')},
                   .limit = 1,
                   .sort_order = SortOrder::kDescend,
                   .keys_only = true});
  CHECK(range->kvs.at(0)->key == "c");
  CHECK(range->kvs.at(0)->value.empty());
}

TEST_CASE("SqlStore: a sort target without an order sorts only what the limit let through") {
  Fixture f;
  for (const char* key : {"k2", "k4", "k3", "k1"}) f.Put(key, "v");
  auto range = f.Range({.range = Prefix("k"), .limit = 2, .sort_target = SortTarget::kMod});
  REQUIRE(range->kvs.size() == 2);
  CHECK(range->kvs[0]->key == "k2");
  CHECK(range->kvs[1]->key == "k3");
  CHECK(range->count == 4);
  CHECK(range->more);
}

// etcd lets a put and a deletion without upper bound meet in one transaction.
TEST_CASE("SqlStore: a key may change twice in one revision") {
  Fixture f;
  f.Put("a", "old");  // 2
  const KeyRange everything{"a", std::string(1, '\0')};
  const bool put_first = GENERATE(true, false);
  TxnRequest request;
  if (put_first) request.success.push_back({PutRequest{.key = "a", .value = "new"}});
  request.success.push_back({DeleteRangeRequest{.range = everything}});
  if (!put_first) request.success.push_back({PutRequest{.key = "a", .value = "new"}});
  CHECK(f.Txn(std::move(request))->revision == 3);
  CHECK(f.Range({.range = {"a", ""}})->count == (put_first ? 0 : 1));
  f.Put("a", "later");  // 4
  f.Delete({"a", ""});  // 5
  CHECK(f.Range({.range = {"a", ""}, .revision = 2})->kvs.at(0)->value == "old");
  CHECK(f.Range({.range = {"a", ""}, .revision = 3})->count == (put_first ? 0 : 1));
  CHECK(f.Range({.range = {"a", ""}, .revision = 4})->kvs.at(0)->value == "later");
  CHECK(f.Range({.range = {"a", ""}})->count == 0);
  REQUIRE(f.Compact(5).ok());
}

// Waits until a physical compaction of revision 2 waits for rows that cannot be deleted.
std::future<Result<Revision>> CompactInVain(Fixture& fixture) {
  fixture.Put("/a", "1");
  fixture.Put("/a", "2");
  fixture.data().RunScript(
      "CREATE TRIGGER stuck BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'stuck'); END");
  const auto answer = std::make_shared<std::promise<Result<Revision>>>();
  fixture.store().Compact(
      3, true, [answer](Result<Revision> revision) { answer->set_value(std::move(revision)); });
  // Writes are answered in their order, so the compaction is committed.
  fixture.Put("/b", "1");
  return answer->get_future();
}

TEST_CASE("SqlStore: who waits for the end of a compaction is answered when there is none") {
  if (testing::TestDatabase::OnServer()) return;
  for (const bool lost : {true, false}) {
    Fixture fixture;
    auto answer = CompactInVain(fixture);
    CHECK(answer.wait_for(std::chrono::milliseconds(0)) == std::future_status::timeout);
    lost ? fixture.store().LoseLead() : fixture.store().PrepareStop();
    REQUIRE(answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
    const ErrorCode code = lost ? ErrorCode::kLeaderChanged : ErrorCode::kUnavailable;
    CHECK(answer.get().error().code == code);
    const auto defragmented =
        Wait<Revision>([&](auto done) { fixture.store().Defragment(std::move(done)); });
    CHECK(defragmented.error().code == code);
  }
}

TEST_CASE("SqlStore: a transaction reads no negative revision, but for -1 before any compaction") {
  Fixture f;
  TxnRequest request;
  request.success.push_back({RangeRequest{.range = {"a", ""}, .revision = -1}});
  CHECK(f.Txn(request).ok());
  request.success.push_back({RangeRequest{.range = {"a", ""}, .revision = -2}});
  CHECK(f.Txn(request).error().code == ErrorCode::kCompacted);
}

TEST_CASE("SqlStore: a transaction is one revision, sees itself, and is all or nothing") {
  Fixture f;
  f.Put("x", "0");  // 2
  TxnRequest request;
  request.compares.push_back({.range = {"x", ""}, .target = Compare::Target::kMod, .number = 2});
  request.success.push_back({PutRequest{.key = "a", .value = "1"}});
  request.success.push_back({RangeRequest{.range = {"a", "z"}}});
  TxnRequest nested;
  nested.compares.push_back({.range = {"a", ""}, .number = 0});  // before the transaction
  nested.success.push_back({DeleteRangeRequest{.range = {"x", ""}}});
  request.success.push_back({std::move(nested)});
  auto txn = f.Txn(std::move(request));
  REQUIRE(txn.ok());
  CHECK(txn->succeeded);
  CHECK(txn->revision == 3);
  CHECK(std::get<RangeResponse>(txn->responses[1].response).kvs.size() == 2);
  CHECK(std::get<TxnResponse>(txn->responses[2].response).succeeded);
  CHECK(f.Range({.range = {"x", ""}})->kvs.empty());

  TxnRequest failing;
  failing.success.push_back({PutRequest{.key = "b", .value = "1"}});
  failing.success.push_back({PutRequest{.key = "c", .lease = 99}});
  CHECK(f.Txn(std::move(failing)).error().code == ErrorCode::kLeaseNotFound);
  CHECK(f.Range({.range = {"b", ""}})->kvs.empty());
  CHECK(f.store().current_revision() == 3);
}

// etcd ends over it: a range "up to the end" is not seen to overlap with the put
// (etcdserver/txn, checkIntervals).
TEST_CASE("SqlStore: a put cannot keep the value that its own transaction deletes") {
  StoreFixture fixture;
  REQUIRE(fixture.Put({.key = "k", .value = "v"}).ok());
  const bool nested = GENERATE(false, true);
  const KeyRange to_the_end{"a", std::string(1, '\0')};
  TxnRequest request, inner;
  auto& deletions = nested ? inner.success : request.success;
  deletions.push_back({DeleteRangeRequest{.range = to_the_end}});
  if (nested) request.success.push_back({std::move(inner)});
  request.success.push_back({PutRequest{.key = "k", .value = "", .ignore_value = true}});
  const auto answer = fixture.Txn(std::move(request));
  REQUIRE_FALSE(answer.ok());
  CHECK(answer.error().code == ErrorCode::kKeyNotFound);
  CHECK(fixture.Range({.range = {"k", ""}})->kvs.size() == 1);
}

TEST_CASE("SqlStore: an expired lease takes its keys with it in one revision") {
  Fixture f;
  auto grant =
      Wait<LeaseGrantResponse>([&](auto done) { f.store().Grant(0, 10, std::move(done)); });
  REQUIRE(grant.ok());
  f.Put("a", "1", grant->id);
  f.Put("b", "1", grant->id);
  f.Put("a", "2");  // detached
  f.Put("c", "1", grant->id);
  auto alive = Wait<LeaseTimeToLiveResponse>(
      [&](auto done) { f.store().TimeToLive(grant->id, true, std::move(done)); });
  CHECK(alive->keys == std::vector<std::string>{"b", "c"});
  f.clock().Advance(std::chrono::seconds(10));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (f.store().current_revision() < 6 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  CHECK(f.store().current_revision() == 6);
  CHECK(f.Range({.range = {"a", "z"}})->count == 1);
}

TEST_CASE("SqlStore: leases and everything else survive a restart") {
  Fixture f;
  auto grant =
      Wait<LeaseGrantResponse>([&](auto done) { f.store().Grant(5, 10, std::move(done)); });
  REQUIRE(grant.ok());
  f.Put("a", "1", 5);
  f.Put("a", "2", 5);
  REQUIRE(f.Compact(2).ok());
  const uint32_t hash = f.Hash(0);
  f.Close();
  f.Open();
  CHECK(f.Hash(0) == hash);
  CHECK(f.store().current_revision() == 3);
  auto leases = Wait<std::vector<LeaseId>>([&](auto done) { f.store().List(std::move(done)); });
  CHECK(*leases == std::vector<LeaseId>{5});
  CHECK(f.Compact(2).error().code == ErrorCode::kCompacted);
}

TEST_CASE("SqlStore: a raised alarm survives a restart, and so does taking it back") {
  Fixture f;
  f.Put("a", "1");
  const auto put = [&] {
    return Wait<PutResponse>([&](auto done) { f.store().Put({.key = "b"}, std::move(done)); });
  };
  const auto raised = [&] {
    return Wait<StoreStatus>([&](auto done) { f.store().Status(std::move(done)); })->no_space;
  };
  for (int i = 0; i < 2; ++i) {
    REQUIRE(*Wait<Revision>([&](auto done) { f.store().RaiseNoSpace(std::move(done)); }) == 2);
  }
  f.Close();
  f.Open();
  CHECK(raised());
  CHECK(put().error().code == ErrorCode::kNoSpace);
  REQUIRE(*Wait<Revision>([&](auto done) { f.store().DisarmNoSpace(std::move(done)); }) == 2);
  f.Close();
  f.Open();
  CHECK_FALSE(raised());
  CHECK(put().ok());
}

TEST_CASE("SqlStore: the hash at a revision does not change with later writes") {
  Fixture f;
  f.Put("a", "1");
  f.Put("b", "1");
  f.Delete({"a", ""});
  const uint32_t hash = f.Hash(4);
  f.Put("b", "2");
  f.Put("a", "3");
  CHECK(f.Hash(4) == hash);
  CHECK(f.Hash(0) != hash);
}

TEST_CASE("SqlStore: kinds are counted from the start and kept current") {
  Fixture f;
  const auto wait_for = [&](size_t kinds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (f.store().CountKinds().size() != kinds && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    return f.store().CountKinds();
  };
  for (int i = 0; i < 5; ++i) f.Put("/registry/pods/ns/" + std::to_string(i), "v");
  f.Put("/registry/a.b/shirts/ns/1", "v");
  f.Put("compact_rev_key", "v");
  f.Put("/registry/pods/ns/0", "again");
  f.Delete({"/registry/pods/ns/4", ""});
  for (int round = 0; round < 2; ++round) {
    const auto kinds = wait_for(3);
    REQUIRE(kinds.size() == 3);
    CHECK(kinds[0].name == "pods");
    CHECK(kinds[0].count == 4);
    CHECK(kinds[1].name == "(other)");
    CHECK(kinds[2].name == "shirts.a.b");
    f.Close();
    f.Open();
  }
}

TEST_CASE("SqlStore: a streamed range is one snapshot, whatever is written meanwhile") {
  Fixture f;
  const std::string big(200'000, 'v');
  for (int i = 10; i < 40; ++i) f.Put("k" + std::to_string(i), big);
  auto opened = Wait<std::shared_ptr<RangeCursor>>(
      [&](auto done) { f.store().OpenRangeCursor({.range = Prefix("k")}, std::move(done)); });
  REQUIRE(opened.ok());
  std::vector<std::string> keys;
  int chunks = 0;
  for (bool last = false; !last; ++chunks) {
    auto chunk = Wait<RangeChunk>([&](auto done) { (*opened)->Next(std::move(done)); });
    REQUIRE(chunk.ok());
    for (const auto& kv : chunk->kvs) {
      keys.push_back(kv->key);
      CHECK(kv->value == big);
    }
    f.Put("k39", "changed");
    f.Put("k395", "added");
    f.Delete({"k38", ""});
    last = chunk->last;
    if (last) {
      CHECK(chunk->revision == 31);
      CHECK(chunk->count == 30);
      CHECK_FALSE(chunk->more);
    }
  }
  CHECK(keys.size() == 30);
  CHECK(chunks > 2);
}

TEST_CASE("SqlStore: nothing is read for a client that has gone when its turn comes") {
  testing::CountingObserver statements;
  StoreFixture fixture({}, &statements);
  REQUIRE(fixture.Put({.key = "/a", .value = "1"}).ok());
  const auto lists = [&] {  // since it was asked the last time
    int count = 0;
    for (const sql::Query query : {sql::Query::kList, sql::Query::kListUnbounded,
                                   sql::Query::kListBareKeys, sql::Query::kListBareKeysUnbounded})
      count += statements.Take(sql::QueryName(query));
    return count;
  };
  for (const bool gone : {false, true}) {
    fixture.Close();
    fixture.Open();  // it remembers no pair
    lists();
    const RangeRequest list{.range = {"/", "0"}, .is_abandoned = [gone] { return gone; }};
    auto cursor = Wait<std::shared_ptr<RangeCursor>>(
        [&](auto done) { fixture.store().OpenRangeCursor(list, std::move(done)); });
    const auto chunk = Wait<RangeChunk>([&](auto done) { (*cursor)->Next(std::move(done)); });
    CHECK(chunk.ok() == !gone);
    if (gone) CHECK(chunk.error().code == ErrorCode::kCancelled);
    const auto listed = fixture.Range(list);
    CHECK(listed.ok() == !gone);
    if (gone) CHECK(listed.error().code == ErrorCode::kCancelled);
    cursor->reset();
    fixture.Close();  // a statement is told of after its answer
    CHECK((lists() > 0) == !gone);
  }
}

TEST_CASE("SqlStore: answers everything that was accepted, also while it stops") {
  Fixture f;
  std::atomic<int> answered{0};
  for (int i = 0; i < 2000; ++i) {
    f.store().Put({.key = "k" + std::to_string(i), .value = "v"},
                  [&](Result<PutResponse>) { ++answered; });
  }
  f.store().Stop();
  CHECK(answered == 2000);
  auto late = Wait<PutResponse>([&](auto done) { f.store().Put({.key = "x"}, std::move(done)); });
  CHECK(late.error().code == ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace kubase::store
