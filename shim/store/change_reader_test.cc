#include "shim/store/change_reader.h"

#include <fmt/format.h>

#include <atomic>
#include <catch2/catch.hpp>

#include "shim/store/store_fixture_test.h"

namespace kubase::store {
namespace {

class Statements final : public sql::StatementObserver {
 public:
  void OnStatement(const sql::StatementRun&) override { ++count_; }
  int Take() { return count_.exchange(0); }  // since the last call

 private:
  std::atomic<int> count_{0};
};

const KeyRange kAll{"/", "0"};

std::string PreviousValue(const EventPtr& event) {
  return event->prev == nullptr ? "none" : event->prev->value;
}

// All changes from a revision on, of a database that nobody else has open.
std::vector<EventPtr> EventsFrom(const testing::TestDatabase& data, Revision first, Revision newest,
                                 bool with_previous) {
  const auto database = data.TryOpen();
  REQUIRE(database.ok());
  const auto connection = (*database)->Connect(sql::Access::kRead);
  REQUIRE(connection.ok());
  PublishedRevision published(newest);
  auto page = ReadChanges(
      **connection, published,
      {.range = kAll, .first = first, .events_max = 100, .with_previous = with_previous});
  REQUIRE(page.ok());
  return std::move(page->events);
}

TEST_CASE("ReadChanges: each event has what was before it") {
  StoreFixture fixture;
  REQUIRE(fixture.Put({.key = "/a", .value = "1"}).ok());  // 2
  REQUIRE(fixture.Put({.key = "/a", .value = "2"}).ok());  // 3
  REQUIRE(fixture.Put({.key = "/b", .value = "b"}).ok());  // 4
  REQUIRE(fixture.Delete({"/a", ""}).ok());                // 5
  REQUIRE(fixture.Put({.key = "/a", .value = "3"}).ok());  // 6
  REQUIRE(fixture.Put({.key = "/a", .value = "4"}).ok());  // 7
  REQUIRE(fixture.Delete(kAll).ok());                      // 8
  fixture.Close();
  const auto read = [&](Revision first, bool with_previous) {
    std::vector<std::string> previous;
    for (const EventPtr& event : EventsFrom(fixture.data(), first, 8, with_previous)) {
      previous.push_back(PreviousValue(event));
    }
    return previous;
  };
  using Values = std::vector<std::string>;
  CHECK(read(2, true) == Values{"none", "1", "none", "2", "none", "3", "4", "b"});
  CHECK(read(7, true) == Values{"3", "4", "b"});
  CHECK(read(7, false) == Values{"none", "none", "none"});
}

TEST_CASE("ReadChanges: what one revision both made and deleted had nothing before it") {
  StoreFixture fixture;
  REQUIRE(fixture.Put({.key = "/a", .value = "1"}).ok());  // 2
  REQUIRE(fixture.Delete({"/a", ""}).ok());                // 3
  TxnRequest txn;
  txn.success.push_back({PutRequest{.key = "/a", .value = "2"}});
  txn.success.push_back({DeleteRangeRequest{.range = {"/a", std::string("/a\0", 3)}}});
  REQUIRE(fixture.Txn(std::move(txn)).ok());  // 4
  fixture.Close();
  const std::vector<EventPtr> events = EventsFrom(fixture.data(), 3, 4, true);
  REQUIRE(!events.empty());
  CHECK(PreviousValue(events.front()) == "1");
  CHECK(events.back()->type == Event::Type::kDelete);
  CHECK(PreviousValue(events.back()) == "none");
}

TEST_CASE("ReadChanges: from a server, what was before many events comes in one round trip") {
  if (!testing::TestDatabase::OnServer()) return;
  Statements statements;
  StoreFixture fixture({}, &statements);
  for (const char* value : {"1", "2"}) {
    TxnRequest txn;
    for (int i = 0; i < 100; ++i) {
      txn.success.push_back({PutRequest{.key = fmt::format("/{}", i), .value = value}});
    }
    REQUIRE(fixture.Txn(std::move(txn)).ok());
  }
  const auto database = fixture.data().TryOpen(&statements);
  REQUIRE(database.ok());
  const auto connection = (*database)->Connect(sql::Access::kRead);
  REQUIRE(connection.ok());
  PublishedRevision published(3);
  fixture.Close();
  statements.Take();
  const auto page =
      ReadChanges(**connection, published,
                  {.range = kAll, .first = 3, .events_max = 1000, .with_previous = true});
  REQUIRE(page.ok());
  REQUIRE(page->events.size() == 100);
  CHECK(PreviousValue(page->events.back()) == "1");
  CHECK(statements.Take() < 10);
}

}  // namespace
}  // namespace kubase::store
