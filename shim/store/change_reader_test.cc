#include "shim/store/change_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>

#include "shim/base/limits.h"
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

// Every page of a walk over all changes from `first` on, none of which has more than a page's bytes
// of new values and as much of what was before.
std::vector<EventPtr> WalkInPages(StoreFixture& fixture, Revision first, Revision newest) {
  const auto database = fixture.data().TryOpen();
  REQUIRE(database.ok());
  const auto connection = (*database)->Connect(sql::Access::kRead);
  REQUIRE(connection.ok());
  PublishedRevision published(newest);
  std::vector<EventPtr> events;
  while (first <= newest) {
    const auto page =
        ReadChanges(**connection, published,
                    {.range = kAll, .first = first, .events_max = 1000, .with_previous = true});
    REQUIRE(page.ok());
    REQUIRE(page->revision >= first);
    size_t bytes = 0;
    for (const EventPtr& event : page->events) {
      CHECK(event->kv->mod_revision >= first);
      CHECK(event->kv->mod_revision <= page->revision);
      bytes += event->kv->value.size() + PreviousValue(event).size();
    }
    CHECK(bytes <= 2 * limits::kWatchCatchUpBytesMax);
    events.insert(events.end(), page->events.begin(), page->events.end());
    first = page->revision + 1;
  }
  return events;
}

TEST_CASE("ReadChanges: a page has an end also where what was before deletions is large") {
  constexpr int kKeys = 60;
  constexpr size_t kBytes = 500'000;
  StoreFixture fixture;
  for (int i = 0; i < kKeys; ++i) {
    const std::string value(i < kKeys / 2 ? 10 : kBytes, 'v');
    REQUIRE(fixture.Put({.key = fmt::format("/{}", i), .value = value}).ok());
  }
  for (int i = 0; i < kKeys; ++i) REQUIRE(fixture.Delete({fmt::format("/{}", i), ""}).ok());
  const Revision newest = fixture.store().current_revision();
  fixture.Close();
  const std::vector<EventPtr> events = WalkInPages(fixture, newest - kKeys + 1, newest);
  REQUIRE(events.size() == kKeys);
  for (int i = 0; i < kKeys; ++i) {
    CHECK(events[i]->kv->key == fmt::format("/{}", i));
    CHECK(PreviousValue(events[i]).size() == (i < kKeys / 2 ? 10 : kBytes));
  }
}

TEST_CASE("ReadChanges: one revision that deletes more than a page is read whole, and alone") {
  constexpr int kKeys = 30;
  StoreFixture fixture;
  for (int i = 0; i < kKeys; ++i) {
    const std::string value(500'000, 'v');
    REQUIRE(fixture.Put({.key = fmt::format("/{:02}", i), .value = value}).ok());
  }
  const Revision deleted = fixture.Delete(kAll).value().revision;
  REQUIRE(fixture.Put({.key = "/a", .value = "1"}).ok());
  REQUIRE(fixture.Put({.key = "/a", .value = "2"}).ok());
  fixture.Close();
  const std::vector<EventPtr> events = EventsFrom(fixture.data(), deleted, deleted + 2, true);
  REQUIRE(events.size() >= kKeys);
  CHECK(std::ranges::all_of(events, [&](const EventPtr& event) {
    return event->type == Event::Type::kPut || PreviousValue(event).size() == 500'000;
  }));
  CHECK(EventsFrom(fixture.data(), deleted + 2, deleted + 2, true).size() == 1);
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
