// WatchQueue: the answers that wait on one watch stream, and how they become messages.
//
// Not thread safe. Items leave in the order they came; one with many events may leave in parts.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "shim/store/watch.h"
#include "shim/wire/convert.h"

namespace kubase::wire {

// What the client asked of one watcher.
struct WatchOptions {
  bool prev_kv = false;
  bool fragment = false;
};

struct WatchItem {
  enum class Kind {
    kCreated,
    kEvents,
    kProgress,
    kCancelled,
    kRefused,  // created and cancelled at once: the watcher never existed
  };
  Kind kind = Kind::kEvents;
  store::WatchId id = store::kWholeStreamId;
  store::Revision revision = 0;
  store::Revision compact_revision = 0;  // kCancelled
  std::string reason;                    // kCancelled, kRefused
  std::vector<store::EventPtr> events;   // kEvents: whole revisions, in order
  WatchOptions options;                  // kEvents
  bool more_fragments = false;           // a fragment, and not the last of its answer
};

// Fills an empty message with all of `item`.
void FillWatchResponse(const Identity& identity, const WatchItem& item,
                       etcdserverpb::WatchResponse* response);

class WatchQueue {
 public:
  // `message_bytes_max`: about where a message with several events is split. A watcher that asked
  // for fragments gets marked fragments; others are split between revisions only, because a
  // revision must arrive whole.
  explicit WatchQueue(size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  void Push(WatchItem item);
  bool empty() const { return items_.empty(); }
  size_t size() const { return items_.size(); }
  size_t bytes() const { return bytes_; }  // of what waits, about
  void Clear();

  // The content of the next message. The queue must not be empty.
  WatchItem Pop();

 private:
  WatchItem PopPart(size_t end);

  const size_t message_bytes_max_;
  std::deque<WatchItem> items_;
  size_t next_event_ = 0;  // of the first item
  size_t bytes_ = 0;
};

}  // namespace kubase::wire
