// A server that took over from another is one whose number in `meta` is not its own.
#include "shim/store/lost_revisions.h"

#include <atomic>
#include <catch2/catch.hpp>

#include "shim/store/store_fixture_test.h"

namespace kubase::store {
namespace {

TEST_CASE("LostRevisions: a database that was served further goes on above that") {
  StoreFixture fixture;
  REQUIRE(fixture.Put({.key = "/a", .value = "1"}).ok());  // revision 2
  fixture.Close();
  fixture.Open({.served_revision = 7});
  CHECK(fixture.store().current_revision() == 9);
  // Also the one that a watcher waits for who has seen everything.
  for (const Revision old : {2, 7, 8}) {
    const auto read = fixture.Range({.range = {"/a", ""}, .revision = old});
    REQUIRE_FALSE(read.ok());
    CHECK(read.error().code == ErrorCode::kCompacted);
  }
  CHECK(fixture.Range({.range = {"/a", ""}})->kvs[0]->value == "1");
  CHECK(fixture.Put({.key = "/a", .value = "2"})->revision == 10);
  fixture.Close();
  fixture.Open({.served_revision = 10});
  CHECK(fixture.store().current_revision() == 10);
}

TEST_CASE("LostRevisions: another server passes all that can have been lost, once") {
  if (!testing::TestDatabase::OnServer()) return;
  StoreFixture fixture;
  REQUIRE(fixture.Put({.key = "/a", .value = "1"}).ok());
  fixture.Close();
  CHECK(fixture.data().RunScript("UPDATE meta SET server = server + 1") == 1);
  fixture.Open();
  CHECK(fixture.store().current_revision() == 2 + kLostRevisionsMax + 2);
  fixture.Close();
  fixture.Open();
  CHECK(fixture.store().current_revision() == 2 + kLostRevisionsMax + 2);
}

TEST_CASE("LostRevisions: who goes on to lead on another server remembers it, and none before") {
  if (!testing::TestDatabase::OnServer()) return;
  const testing::TestDatabase data;
  const auto take_over = [&] { data.RunScript("UPDATE meta SET server = server + 1"); };
  const auto first = data.Open();
  const auto leading = std::move(first->Connect(sql::Access::kWrite)).value();
  REQUIRE(first->RememberServer(*leading).ok());
  take_over();
  REQUIRE(*first->IsOtherServer(*leading));
  REQUIRE(first->RenewLead(*leading).ok());
  CHECK_FALSE(*first->IsOtherServer(*leading));
  take_over();
  const auto next = data.Open();  // which has not yet looked what is missing
  const auto connection = std::move(next->Connect(sql::Access::kWrite)).value();
  REQUIRE(next->RenewLead(*connection).ok());
  CHECK(*next->IsOtherServer(*connection));
}

TEST_CASE("LostRevisions: who leads hears of a database that went back, by a write or a read") {
  if (!testing::TestDatabase::OnServer()) return;
  std::atomic<int> lost = 0;
  StoreFixture fixture({.lead_lost = [&] { ++lost; }});
  REQUIRE(fixture.Put({.key = "/a", .value = "1"}).ok());
  REQUIRE(fixture.Put({.key = "/a", .value = "2"}).ok());
  CHECK(fixture.data().RunScript("UPDATE meta SET revision = revision - 1") == 1);
  const auto listed = fixture.Range({.range = {"/", "0"}});
  REQUIRE_FALSE(listed.ok());
  CHECK(listed.error().code == ErrorCode::kLeaderChanged);
  CHECK(lost == 1);
  const auto put = fixture.Put({.key = "/b", .value = "1"});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code == ErrorCode::kLeaderChanged);
  CHECK(lost == 2);
  CHECK(fixture.Put({.key = "/c", .value = "1"}).error().code == ErrorCode::kLeaderChanged);
  CHECK(lost == 2);  // nothing was tried
}

TEST_CASE("LostRevisions: who leads hears of a database that lost what has no revision") {
  if (!testing::TestDatabase::OnServer()) return;
  std::atomic<int> lost = 0;
  StoreFixture fixture({.lead_lost = [&] { ++lost; }});
  REQUIRE(Wait<LeaseGrantResponse>([&](auto done) {
            fixture.store().Grant(7, 100, std::move(done));
          }).ok());
  CHECK(fixture.data().RunScript("DELETE FROM leases") == 1);
  fixture.data().RunScript("UPDATE meta SET writes = writes - 1");
  const auto put = fixture.Put({.key = "/a", .value = "1", .lease = 7});
  REQUIRE_FALSE(put.ok());
  CHECK(put.error().code == ErrorCode::kLeaderChanged);
  CHECK(lost == 1);
}

TEST_CASE("LostRevisions: without a lease nothing is decided by memory alone") {
  if (!testing::TestDatabase::OnServer()) return;
  ManualClock clock;
  LeaderLease lease(clock);
  lease.NeverEnds();
  StoreFixture fixture({.leader_lease = &lease});
  REQUIRE(fixture.Put({.key = "/a", .value = "1"}).ok());
  TxnRequest create;  // as kube-apiserver creates an object
  create.compares.push_back({.range = {"/a", ""}, .target = Compare::Target::kMod, .number = 0});
  create.success.push_back({PutRequest{.key = "/a", .value = "2"}});
  CHECK(fixture.Txn(create).ok());
  lease.End();
  CHECK(fixture.Txn(create).ok());
  const auto other = fixture.data().Open();  // leads now
  const auto denied = fixture.Txn(create);
  REQUIRE_FALSE(denied.ok());
  CHECK(denied.error().code == ErrorCode::kLeaderChanged);
}

}  // namespace
}  // namespace kubase::store
