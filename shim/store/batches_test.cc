// What a batch on a server costs, and what becomes of guesses and of what was read ahead.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "shim/store/batches_fixture_test.h"
#include "shim/store/widgets_test.h"

namespace kubase::store {
namespace {

using testing::TestDatabase;

TEST_CASE("BatchWriter: what waits is read with the commit of the batch before it") {
  if (!TestDatabase::OnServer()) return;
  Held held;
  for (int i = 0; i < 10; ++i) REQUIRE(held->Put(PutOf(fmt::format("/k/{}", i), "1")).ok());
  held.Forget();
  std::vector<std::future<Result<TxnResponse>>> answers;
  answers.push_back(held.SendAndHold(Putting("/k/0", "2")));
  for (int i = 1; i < 10; ++i) {
    answers.push_back(held.Send(Putting(fmt::format("/k/{}", i), "2")));
  }
  held.Release();
  for (auto& answer : answers) REQUIRE(answer.get().ok());
  CHECK(held.observer().Take("commit") == 2);
  CHECK(held.observer().Take("get") == 2);  // of the first batch, and with its commit
  const auto read = held->Range({.range = kBatchKeys});
  REQUIRE(read->kvs.size() == 10);
  for (const KeyValuePtr& pair : read->kvs) CHECK(pair->version == 2);
}

TEST_CASE("BatchWriter: creations need not be read before") {
  if (!TestDatabase::OnServer()) return;
  Held held;
  held.Forget();
  auto first = held.SendAndHold(Creation("/k/a", "1"));
  auto second = held.Send(Creation("/k/b", "1"));
  held.Release();
  CHECK(first.get()->succeeded);
  CHECK(second.get()->succeeded);
  CHECK(held.observer().Take("get") == 0);
}

TEST_CASE("BatchWriter: what was taken to be absent and is not is read, and the batch done again") {
  if (!TestDatabase::OnServer()) return;
  Held held;
  REQUIRE(held->Put(PutOf("/k/there", "old")).ok());
  held.Forget();
  auto absent = held.SendAndHold(Creation("/k/new", "1"));
  auto there = held.Send(Creation("/k/there", "2"));
  auto other = held.Send(Creation("/k/other", "3"));
  held.Release();
  CHECK(absent.get()->revision == 3);
  const auto refused = there.get();
  REQUIRE(refused.ok());
  CHECK_FALSE(refused->succeeded);
  CHECK(refused->revision == 3);
  CHECK(std::get<RangeResponse>(refused->responses.at(0).response).kvs.at(0)->value == "old");
  CHECK(other.get()->revision == 4);
  CHECK(held.observer().Take("get") > 0);
  // It is known now: nobody has to do this again.
  CHECK_FALSE(held.Send(Creation("/k/there", "4")).get()->succeeded);
  CHECK(held->Range({.range = kBatchKeys})->kvs.size() == 3);
}

TEST_CASE("BatchWriter: a guess that no row tells of is no answer") {
  if (!TestDatabase::OnServer()) return;
  Held held;
  REQUIRE(held->Put(PutOf("/k/there", "old")).ok());
  held.Forget();
  TxnRequest leased = Creation("/k/there", "1");
  std::get<PutRequest>(leased.success[0].request).lease = kUnknownLease;
  const auto refused = held.Send(leased).get();
  REQUIRE(refused.ok());  // it compares first, so the lease does not matter
  CHECK_FALSE(refused->succeeded);

  REQUIRE(held->Put(PutOf("/k/between", "1")).ok());
  held.Forget();
  TxnRequest deletion;
  deletion.success.push_back({DeleteRangeRequest{.range = {"/k/there", ""}, .prev_kv = true}});
  auto first = held.SendAndHold(Putting("/k/other", "1"));
  auto created = held.Send(Creation("/k/there", "2"));
  auto deleted = held.Send(deletion);
  held.Release();
  REQUIRE(first.get().ok());
  CHECK_FALSE(created.get()->succeeded);
  const auto gone = deleted.get();
  REQUIRE(gone.ok());
  const auto& response = std::get<DeleteRangeResponse>(gone->responses.at(0).response);
  REQUIRE(response.prev_kvs.size() == 1);
  CHECK(response.prev_kvs[0]->value == "old");
}

TEST_CASE("BatchWriter: what was read with a commit whose answer is lost is worth nothing") {
  if (!TestDatabase::OnServer()) return;
  const auto lost =
      GENERATE(testing::NextCommit::kDoneButLost, testing::NextCommit::kUndoneAndLost);
  const bool done = lost == testing::NextCommit::kDoneButLost;
  Held held;
  REQUIRE(held->Put(PutOf("/k/a", "1")).ok());
  REQUIRE(held->Put(PutOf("/k/b", "1")).ok());
  held.Forget();
  auto first = held.SendAndHold(Putting("/k/a", "2"));
  auto waiting = held.Send(Putting("/k/b", "2"));
  held.Lose(lost);
  held.Release();
  CHECK(first.get().ok() == done);
  CHECK(waiting.get().error().code == ErrorCode::kUnavailable);
  CHECK(held.Send(Putting("/k/b", "3")).get().ok());
  const auto read = held->Range({.range = kBatchKeys});
  REQUIRE(read->kvs.size() == 2);
  CHECK(read->kvs[0]->version == (done ? 2 : 1));
  CHECK(read->kvs[1]->version == 2);
  CHECK(read->kvs[1]->value == "3");
}

TEST_CASE("BatchWriter: a row that is there costs no more than to read it") {
  if (!TestDatabase::OnServer()) return;
  Held held;
  REQUIRE(held->Put(PutOf("/k/there", "old")).ok());
  held.Forget();
  for (const char* name : {"list_kinds", "count_collections"}) held.observer().Take(name);
  CHECK_FALSE(held.Send(Creation("/k/there", "2")).get()->succeeded);
  for (const char* name : {"list_kinds", "count_collections"}) {
    CHECK(held.observer().Take(name) == 0);  // what memory knows of the indexes still holds
  }
}

TEST_CASE("BatchWriter: a batch that is done again leaves the index as if it were done once") {
  if (!TestDatabase::OnServer()) return;
  Held held;
  REQUIRE(held->Put(PutOf("/k/there", "old")).ok());
  held.Forget();
  const std::string key = kWidgetsPrefix + "ns/one";
  const std::string widget =
      R"({"metadata":{"name":"one","namespace":"ns","uid":"u","labels":{"color":"red"}}})";
  auto before = held.SendAndHold(Putting("/k/before", "1"));
  auto first = held.Send(Creation(key, widget));  // of its kind, with its labels
  auto there = held.Send(Creation("/k/there", "2"));
  held.Release();
  REQUIRE(before.get().ok());
  CHECK(first.get()->succeeded);
  CHECK_FALSE(there.get()->succeeded);
  const auto kinds = held->data().Ask(
      fmt::format("SELECT count(*) FROM kinds WHERE prefix = CAST('{}' AS BLOB)", kWidgetsPrefix));
  CHECK(kinds.at(0) == "1");
  const std::string other = kWidgetsPrefix + "ns/two";
  REQUIRE(held.Send(Creation(other, widget)).get()->succeeded);
  CHECK(ListKeys(*held.operator->(), kWidgets, "color=red", "") ==
        std::vector<std::string>{key, other});
  held.Forget();
  CHECK(ListKeys(*held.operator->(), kWidgets, "color=red", "") ==
        std::vector<std::string>{key, other});
}

}  // namespace
}  // namespace kubase::store
