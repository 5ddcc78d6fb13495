#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "shim/store/watch_hub_fixture_test.h"

namespace kubase::store {
namespace {

using std::chrono::milliseconds;

TEST_CASE("WatchHub: a watcher from now on gets what matches, in order") {
  HubFixture f;
  auto sink = std::make_shared<RecordingSink>();
  auto stream = f.hub().Open(sink);
  f.Publish({"a1"});
  stream->Create({.range = {"a", "b"}});
  REQUIRE(sink->WaitUntil([](auto& s) { return s.created_.size() == 1; }));
  CHECK(sink->created_[0] == 2);
  f.Publish({"a2"});
  f.Publish({"b"});
  f.Publish({"a3", "c", "a4"});
  REQUIRE(sink->WaitUntil([](auto& s) { return s.events_[0].size() == 3; }));
  CHECK(sink->events_[0] ==
        std::vector<std::pair<Revision, std::string>>{{3, "a2"}, {5, "a3"}, {5, "a4"}});
  CHECK(f.pages() == 0);
}

TEST_CASE("WatchHub: a watcher from now on is told nothing that a read has seen before") {
  HubFixture f;
  auto sink = std::make_shared<RecordingSink>();
  auto stream = f.hub().Open(sink);
  f.SetPublishedRevision(3);
  stream->Create({.range = {"a", ""}});
  REQUIRE(sink->WaitUntil([](auto& s) { return s.created_.size() == 1; }));
  CHECK(sink->created_[0] == 3);
  stream->RequestProgress();
  stream->Create({.range = {"other", ""}});  // commands run in order
  REQUIRE(sink->WaitUntil([](auto& s) { return s.created_.size() == 2; }));
  CHECK(sink->progress_.empty());
  for (int i = 0; i < 3; ++i) f.Publish({"a"});
  REQUIRE(sink->WaitUntil([](auto& s) { return !s.events_[0].empty(); }));
  CHECK(sink->events_[0] == std::vector<std::pair<Revision, std::string>>{{4, "a"}});
}

TEST_CASE("WatchHub: while another may lead, no watcher is created, and the others go on") {
  HubFixture f;
  auto sink = std::make_shared<RecordingSink>();
  auto stream = f.hub().Open(sink);
  stream->Create({.range = {"a", ""}});
  REQUIRE(sink->WaitUntil([](auto& s) { return s.created_.size() == 1; }));
  f.SetCurrent(false);
  stream->Create({.watch_id = 7, .range = {"a", ""}, .start_revision = 1});
  stream->Create({.range = {"a", ""}});
  stream->Cancel(7);
  auto gone = f.hub().Open(sink);
  gone->Create({.watch_id = 9, .range = {"a", ""}});
  gone.reset();
  f.Publish({"a"});
  stream->RequestProgress();
  REQUIRE(sink->WaitUntil([](auto& s) { return s.progress_.size() == 1; }));
  CHECK(sink->created_.size() == 1);
  f.SetCurrent(true);
  REQUIRE(sink->WaitUntil([](auto& s) { return !s.cancelled_.empty() && s.created_.contains(1); }));
  CHECK(sink->created_ == std::map<WatchId, Revision>{{0, 1}, {1, 2}, {7, 2}});
  CHECK(sink->cancelled_[0].id == 7);
  f.Publish({"a"});
  REQUIRE(sink->WaitUntil([](auto& s) { return !s.events_[1].empty(); }));
  CHECK(sink->events_[1] == std::vector<std::pair<Revision, std::string>>{{3, "a"}});
}

TEST_CASE("WatchHub: a watcher from the past reads the ring, or the database behind it") {
  const size_t ring_bytes = GENERATE(1 << 20, 1500);
  HubFixture f(ring_bytes);
  for (int i = 0; i < 50; ++i) f.Publish({"a" + std::to_string(i)});
  auto sink = std::make_shared<RecordingSink>();
  auto stream = f.hub().Open(sink);
  stream->Create({.range = {"a", "b"}, .start_revision = 2});
  f.Publish({"a-new"});
  REQUIRE(sink->WaitUntil([](auto& s) { return s.events_[0].size() == 51; }));
  for (int i = 0; i < 51; ++i) CHECK(sink->events_[0][i].first == i + 2);
  CHECK((f.pages() > 0) == (ring_bytes == 1500));
}

TEST_CASE("WatchHub: a failing database delays a watcher and loses nothing") {
  HubFixture f(1500);
  for (int i = 0; i < 50; ++i) f.Publish({"a"});
  f.FailNextPages(2);
  auto sink = std::make_shared<RecordingSink>();
  auto stream = f.hub().Open(sink);
  stream->Create({.range = {"a", ""}, .start_revision = 2});
  REQUIRE(sink->WaitUntil([](auto& s) { return s.events_[0].size() == 50; }));
  CHECK(sink->cancelled_.empty());
}

TEST_CASE("WatchHub: a failing database is one line in the log, however many watchers there are") {
  constexpr int kWatchers = 20;
  HubFixture f(1500);
  for (int i = 0; i < 50; ++i) f.Publish({"a"});
  f.FailNextPages(3 * kWatchers);
  auto sink = std::make_shared<RecordingSink>();
  auto stream = f.hub().Open(sink);
  for (int i = 0; i < kWatchers; ++i) stream->Create({.range = {"a", ""}, .start_revision = 2});
  REQUIRE(sink->WaitUntil([](auto& s) {
    return s.events_.size() == kWatchers &&
           std::ranges::all_of(s.events_, [](auto& one) { return one.second.size() == 50; });
  }));
  CHECK(f.pages() > 3 * kWatchers);
  CHECK(f.read_warnings() == 1);
}

TEST_CASE("WatchHub: a future start sends neither earlier events nor progress before it") {
  HubFixture f;
  auto sink = std::make_shared<RecordingSink>();
  auto stream = f.hub().Open(sink);
  stream->Create({.range = {"a", ""}, .start_revision = 4});
  f.Publish({"a"});
  stream->RequestProgress();
  stream->Create({.range = {"other", ""}});  // commands run in order
  REQUIRE(sink->WaitUntil([](auto& s) { return s.created_.size() == 2; }));
  CHECK(sink->progress_.empty());
  f.Publish({"a"});
  f.Publish({"a"});
  REQUIRE(sink->WaitUntil([](auto& s) { return s.events_[0].size() == 1; }));
  CHECK(sink->events_[0][0].first == 4);
  stream->RequestProgress();
  REQUIRE(sink->WaitUntil([](auto& s) { return s.progress_.size() == 1; }));
  CHECK(sink->progress_[0] == std::pair<WatchId, Revision>{kWholeStreamId, 4});
}

TEST_CASE("WatchHub: no progress without watchers, nor for one whose start is the next revision") {
  HubFixture f;
  auto sink = std::make_shared<RecordingSink>();
  auto stream = f.hub().Open(sink);
  stream->RequestProgress();
  stream->Create({.range = {"a", ""}, .start_revision = 2});
  stream->RequestProgress();
  stream->Create({.range = {"b", ""}});  // commands run in order
  REQUIRE(sink->WaitUntil([](auto& s) { return s.created_.size() == 2; }));
  CHECK(sink->progress_.empty());
  f.Publish({"a"});
  REQUIRE(sink->WaitUntil([](auto& s) { return s.events_[0].size() == 1; }));
  stream->RequestProgress();
  REQUIRE(sink->WaitUntil([](auto& s) { return s.progress_.size() == 1; }));
}

TEST_CASE("WatchHub: compacted starts are cancelled with the compacted revision") {
  HubFixture f;
  for (int i = 0; i < 5; ++i) f.Publish({"a"});
  f.hub().SetCompactRevision(4);
  auto sink = std::make_shared<RecordingSink>();
  auto stream = f.hub().Open(sink);
  stream->Create({.range = {"a", ""}, .start_revision = 3});
  REQUIRE(sink->WaitUntil([](auto& s) { return s.cancelled_.size() == 1; }));
  CHECK(sink->cancelled_[0].compact == 4);
  CHECK(sink->cancelled_[0].reason.empty());
  CHECK(sink->events_.empty());
  stream->Create({.range = {"a", ""}, .start_revision = 4});
  REQUIRE(sink->WaitUntil([](auto& s) { return s.events_[1].size() == 3; }));
}

TEST_CASE("WatchHub: a watcher whose page was compacted is told the revision, not an older one") {
  HubFixture f(1500);
  for (int i = 0; i < 50; ++i) f.Publish({"a"});
  f.CompactDatabase(40);
  auto sink = std::make_shared<RecordingSink>();
  auto stream = f.hub().Open(sink);
  stream->Create({.range = {"a", ""}, .start_revision = 2});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (f.pages() < 2 && std::chrono::steady_clock::now() < deadline &&
         sink->Holds([](auto& s) { return s.cancelled_.empty(); })) {
    std::this_thread::yield();
  }
  f.hub().SetCompactRevision(40);
  REQUIRE(sink->WaitUntil([](auto& s) { return s.cancelled_.size() == 1; }));
  CHECK(sink->cancelled_[0].compact == 40);
  CHECK(sink->events_.empty());
}

TEST_CASE("WatchHub: a paused watcher misses nothing and does not hold up others") {
  HubFixture f(3000);
  auto slow = std::make_shared<RecordingSink>(1);
  auto fast = std::make_shared<RecordingSink>();
  auto slow_stream = f.hub().Open(slow);
  auto fast_stream = f.hub().Open(fast);
  slow_stream->Create({.range = {"a", "b"}});
  fast_stream->Create({.range = {"a", "b"}});
  REQUIRE(slow->WaitUntil([](auto& s) { return s.created_.size() == 1; }));
  REQUIRE(fast->WaitUntil([](auto& s) { return s.created_.size() == 1; }));
  for (int i = 0; i < 200; ++i) f.Publish({"a" + std::to_string(i)});
  REQUIRE(fast->WaitUntil([](auto& s) { return s.events_[0].size() == 200; }));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (f.hub().slow_watchers() != 1 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  CHECK(f.hub().slow_watchers() == 1);
  const auto complete = [](auto& s) { return s.events_[0].size() >= 200; };
  for (int resumed = 0; !slow->Holds(complete);) {
    REQUIRE(slow->WaitUntil([&](auto& s) { return s.paused_ > resumed || complete(s); }));
    resumed = slow->paused_;
    slow_stream->Resume(0);
  }
  CHECK(slow->events_[0] == fast->events_[0]);
}

TEST_CASE("WatchHub: a cancelled watcher is told so last, and its id is free again") {
  HubFixture f;
  auto sink = std::make_shared<RecordingSink>();
  auto stream = f.hub().Open(sink);
  stream->Create({.watch_id = 9, .range = {"a", ""}});
  stream->Create({.watch_id = 9, .range = {"a", ""}});
  REQUIRE(sink->WaitUntil([](auto& s) { return s.cancelled_.size() == 1; }));
  CHECK(sink->cancelled_[0].id == kWholeStreamId);
  stream->Cancel(9);
  REQUIRE(sink->WaitUntil([](auto& s) { return s.cancelled_.size() == 2; }));
  CHECK(sink->cancelled_[1].reason.empty());
  f.Publish({"a"});
  sink->created_.clear();
  stream->Create({.watch_id = 9, .range = {"b", ""}});
  REQUIRE(sink->WaitUntil([](auto& s) { return s.created_.contains(9); }));
  f.Publish({"b"});
  REQUIRE(sink->WaitUntil([](auto& s) { return s.events_[9].size() == 1; }));
  CHECK(sink->events_[9][0].second == "b");
}

TEST_CASE("WatchHub: idle watchers hear of progress, busy ones of their events") {
  HubFixture f(1 << 20, milliseconds(20));
  auto sink = std::make_shared<RecordingSink>();
  auto stream = f.hub().Open(sink);
  stream->Create({.range = {"idle", ""}, .progress_notify = true});
  f.Publish({"other"});
  REQUIRE(sink->WaitUntil([](auto& s) {
    return !s.progress_.empty() && s.progress_.back() == std::pair<WatchId, Revision>{0, 2};
  }));
}

TEST_CASE("WatchHub: streams can be closed and opened while events flow, and after Stop") {
  HubFixture f;
  std::atomic<bool> done{false};
  std::thread publisher([&] {
    while (!done) f.Publish({"a"});
  });
  for (int i = 0; i < 200; ++i) {
    auto sink = std::make_shared<RecordingSink>();
    auto stream = f.hub().Open(sink);
    stream->Create({.range = {"a", "b"}});
    if (i % 2 == 0) sink->WaitUntil([](auto& s) { return !s.events_.empty(); });
  }
  done = true;
  publisher.join();
  auto last = f.hub().Open(std::make_shared<RecordingSink>());
  f.hub().Stop();
}

}  // namespace
}  // namespace kubase::store
