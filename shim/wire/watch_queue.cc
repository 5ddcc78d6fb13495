// Messages out of items, and the splitting of large ones.
#include "shim/wire/watch_queue.h"

#include <iterator>
#include <utility>

#include "shim/base/result.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

constexpr size_t kItemBytes = 128;         // an answer without events, in memory
constexpr size_t kPairOverheadBytes = 48;  // tags, lengths and numbers of a pair on the wire

size_t PairBytes(const store::KeyValue& pair) {
  return pair.key.size() + pair.value.size() + kPairOverheadBytes;
}

// Never less than on the wire, so that a message stays under the limit it was cut for.
size_t EventBytes(const store::Event& event, bool with_prev) {
  const bool prev = with_prev && event.prev != nullptr;
  return PairBytes(*event.kv) + (prev ? PairBytes(*event.prev) : 0);
}

size_t ItemBytes(const WatchItem& item) {
  size_t bytes = kItemBytes + item.reason.size();
  for (const store::EventPtr& event : item.events)
    bytes += EventBytes(*event, item.options.prev_kv);
  return bytes;
}

bool StartsRevision(const std::vector<store::EventPtr>& events, size_t index) {
  return events[index]->kv->mod_revision != events[index - 1]->kv->mod_revision;
}

// Where the part that starts with `first` ends: before the event that would exceed the limit, or,
// when a revision must stay whole, at the nearest revision boundary. Holds at least one event.
size_t PartEnd(const WatchItem& item, size_t first, size_t bytes_max) {
  const auto& events = item.events;
  size_t bytes = kItemBytes;
  size_t boundary = first;  // the last place where the part may end; none yet
  for (size_t i = first; i < events.size(); ++i) {
    if (i > first && (item.options.fragment || StartsRevision(events, i))) boundary = i;
    bytes += EventBytes(*events[i], item.options.prev_kv);
    if (bytes >= bytes_max && boundary > first) return boundary;
  }
  return events.size();
}

}  // namespace

void WatchQueue::Push(WatchItem item) {
  bytes_ += ItemBytes(item);
  items_.push_back(std::move(item));
}

void WatchQueue::Clear() {
  items_.clear();
  next_event_ = 0;
  bytes_ = 0;
}

WatchItem WatchQueue::Pop() {
  KUBASE_CHECK(!items_.empty());
  WatchItem& first = items_.front();
  if (first.kind == WatchItem::Kind::kEvents) {
    const size_t end = PartEnd(first, next_event_, message_bytes_max_);
    if (next_event_ > 0 || end < first.events.size()) return PopPart(end);
  }
  WatchItem item = std::move(first);
  items_.pop_front();
  bytes_ -= ItemBytes(item);
  return item;
}

WatchItem WatchQueue::PopPart(size_t end) {
  WatchItem& whole = items_.front();
  const bool last = end == whole.events.size();
  WatchItem part{.kind = whole.kind, .id = whole.id, .options = whole.options};
  part.events.assign(std::make_move_iterator(whole.events.begin() + next_event_),
                     std::make_move_iterator(whole.events.begin() + end));
  part.more_fragments = part.options.fragment && !last;
  // The fragments of one answer say the same; a part of its own promises no more than it holds.
  part.revision =
      last || part.options.fragment ? whole.revision : part.events.back()->kv->mod_revision;
  bytes_ -= ItemBytes(part) - (last ? 0 : kItemBytes);
  next_event_ = last ? 0 : end;
  if (last) items_.pop_front();
  return part;
}

void FillWatchResponse(const Identity& identity, const WatchItem& item,
                       pb::WatchResponse* response) {
  const bool refused = item.kind == WatchItem::Kind::kRefused;
  FillHeader(identity, item.revision, response->mutable_header());
  response->set_watch_id(item.id);
  response->set_created(refused || item.kind == WatchItem::Kind::kCreated);
  response->set_canceled(refused || item.kind == WatchItem::Kind::kCancelled);
  response->set_compact_revision(item.compact_revision);
  response->set_cancel_reason(item.reason);
  response->set_fragment(item.more_fragments);
  response->mutable_events()->Reserve(static_cast<int>(item.events.size()));
  for (const store::EventPtr& event : item.events) {
    FillEvent(*event, item.options.prev_kv, response->add_events());
  }
}

}  // namespace kubase::wire
