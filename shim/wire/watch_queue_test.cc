#include "shim/wire/watch_queue.h"

#include <catch2/catch.hpp>
#include <string>

#include "shim/wire/fake_store_test.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

constexpr size_t kMessageBytes = 1000;
const std::string kValue(300, 'v');  // three events do not fit one message, two do

WatchItem Events(const std::vector<store::Revision>& revisions, bool fragment) {
  WatchItem item{.id = 5, .revision = 100, .options = {.fragment = fragment}};
  for (store::Revision revision : revisions) {
    item.events.push_back(MakePut("k" + std::to_string(item.events.size()), kValue, revision));
  }
  return item;
}

std::vector<pb::WatchResponse> Drain(WatchQueue& queue) {
  std::vector<pb::WatchResponse> messages;
  while (!queue.empty()) FillWatchResponse({1, 2}, queue.Pop(), &messages.emplace_back());
  return messages;
}

std::vector<int> Sizes(const std::vector<pb::WatchResponse>& messages) {
  std::vector<int> sizes;
  for (const pb::WatchResponse& message : messages) sizes.push_back(message.events_size());
  return sizes;
}

TEST_CASE("WatchQueue: fragments split a revision and mark all parts but the last") {
  WatchQueue queue(kMessageBytes);
  queue.Push(Events({9, 9, 9, 9, 9}, true));
  const auto messages = Drain(queue);
  REQUIRE(Sizes(messages) == std::vector<int>{2, 2, 1});
  CHECK((messages[0].fragment() && messages[1].fragment() && !messages[2].fragment()));
  for (const pb::WatchResponse& message : messages) {
    CHECK(message.ByteSizeLong() <= kMessageBytes);
    CHECK(message.header().revision() == 100);
    CHECK(message.watch_id() == 5);
  }
  CHECK(queue.bytes() == 0);
}

TEST_CASE("WatchQueue: one event above the limit is a message of its own") {
  WatchQueue queue(kMessageBytes);
  WatchItem item = Events({9, 9}, true);
  item.events.insert(item.events.begin() + 1, MakePut("big", std::string(5000, 'b'), 9));
  queue.Push(std::move(item));
  const auto messages = Drain(queue);
  CHECK(Sizes(messages) == std::vector<int>{1, 1, 1});
  CHECK_FALSE(messages.back().fragment());
}

TEST_CASE("WatchQueue: without fragments a revision is never split, only between revisions") {
  WatchQueue queue(kMessageBytes);
  queue.Push(Events({1, 2, 3, 3, 3, 3, 4}, false));
  const auto messages = Drain(queue);
  REQUIRE(Sizes(messages) == std::vector<int>{2, 4, 1});
  for (const pb::WatchResponse& message : messages) CHECK_FALSE(message.fragment());
  CHECK(messages[0].header().revision() == 2);  // promises no more than it holds
  CHECK(messages[1].header().revision() == 3);
  CHECK(messages[2].header().revision() == 100);
  CHECK(queue.bytes() == 0);
}

TEST_CASE("WatchQueue: what fits leaves as one message, items in order, bytes come back to zero") {
  WatchQueue queue(1 << 20);
  queue.Push({.kind = WatchItem::Kind::kCreated, .id = 5, .revision = 3});
  queue.Push(Events({4, 5, 6}, true));
  queue.Push({.kind = WatchItem::Kind::kProgress, .id = store::kWholeStreamId, .revision = 6});
  queue.Push({.kind = WatchItem::Kind::kCancelled,
              .id = 5,
              .revision = 9,
              .compact_revision = 7,
              .reason = "compacted"});
  queue.Push({.kind = WatchItem::Kind::kRefused, .revision = 9, .reason = "no"});
  CHECK(queue.bytes() > 3 * kValue.size());
  const auto messages = Drain(queue);
  REQUIRE(messages.size() == 5);
  CHECK((messages[0].created() && !messages[0].canceled() && messages[0].watch_id() == 5));
  CHECK(messages[1].events_size() == 3);
  CHECK(messages[1].header().cluster_id() == 1);
  CHECK(messages[1].header().member_id() == 2);
  CHECK(messages[1].header().raft_term() > 0);
  CHECK((messages[2].events_size() == 0 && messages[2].watch_id() == -1));
  CHECK((messages[3].canceled() && !messages[3].created()));
  CHECK(messages[3].compact_revision() == 7);
  CHECK(messages[3].cancel_reason() == "compacted");
  CHECK((messages[4].canceled() && messages[4].created() && messages[4].watch_id() == -1));
  CHECK(queue.bytes() == 0);
}

TEST_CASE("WatchQueue: the size of previous pairs counts only when they are sent") {
  WatchQueue queue(kMessageBytes);
  WatchItem item = Events({}, false);
  for (store::Revision revision = 1; revision <= 4; ++revision) {
    item.events.push_back(MakePut("k", "", revision, MakePair("k", kValue, revision - 1)));
  }
  queue.Push(item);
  CHECK(Sizes(Drain(queue)) == std::vector<int>{4});
  item.options.prev_kv = true;
  queue.Push(item);
  const auto messages = Drain(queue);
  CHECK(Sizes(messages) == std::vector<int>{2, 2});
  CHECK(messages[0].events(0).prev_kv().value() == kValue);
}

}  // namespace
}  // namespace kubase::wire
