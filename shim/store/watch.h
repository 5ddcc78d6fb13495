// Watch streams as the wire sees them: one WatchStream per gRPC stream, many watchers on it.
//
// The six promises (etcd's watch contract): ordered, unique, reliable, atomic, resumable,
// bookmarkable. A slow sink never holds up others and loses nothing: it is told to pause and the
// events are read again, from the ring or from the database, when it resumes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shim/base/result.h"
#include "shim/select/selector.h"
#include "shim/store/types.h"

namespace kubase::store {

using WatchId = int64_t;
inline constexpr WatchId kAutoWatchId = 0;     // let the stream choose
inline constexpr WatchId kWholeStreamId = -1;  // an answer that concerns the whole stream

struct WatchRequest {
  WatchId watch_id = kAutoWatchId;
  KeyRange range;
  Revision start_revision = 0;  // 0: from now on
  bool prev_kv = false;         // kept for the wire; events carry `prev` whenever it is known
  bool no_put = false;
  bool no_delete = false;
  bool progress_notify = false;
  // Null: every event. Else those whose pair matches before or after the change, or cannot be told:
  // the watcher sees a pair begin to match, and cease to.
  // shared: a copy of the request may outlive the call that made it.
  std::shared_ptr<const select::Selector> selector;
};

// Whole revisions, in order: a revision is never split over two batches.
struct WatchBatch {
  Revision revision = 0;  // every event of the watcher up to here has now been sent
  std::vector<EventPtr> events;
};

enum class Flow {
  kContinue,
  kPause,  // the batch was taken, but no more until WatchStream::Resume
};

// Implemented by the wire. All calls come from the hub's one thread, never concurrently; they must
// not block and must not call back into the WatchStream. None comes after ~WatchStream returned.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  // The watcher exists; `revision` is the store's at that moment. Comes before anything else of it.
  virtual void OnCreated(WatchId id, Revision revision) = 0;
  virtual Flow OnEvents(WatchId id, const WatchBatch& batch) = 0;
  // Every event of the watcher (kWholeStreamId: of all watchers) up to `revision` has been sent.
  virtual void OnProgress(WatchId id, Revision revision) = 0;
  // The watcher ended and nothing follows. `compact_revision` is not 0 when it asked for compacted
  // events, and says it all; for other ends by the store `reason` says why. A cancellation that the
  // client asked for has neither.
  virtual void OnCancelled(WatchId id, Revision revision, Revision compact_revision,
                           const std::string& reason) = 0;
};

// Any thread. Requests take effect in the order they are made.
class WatchStream {
 public:
  virtual ~WatchStream() = default;  // ends all its watchers; waits for a running sink call
  // Answered by OnCreated, or by OnCancelled with kWholeStreamId semantics when the id is in use.
  // Not before it is known that no other process leads the database.
  virtual void Create(WatchRequest request) = 0;
  virtual void Cancel(WatchId id) = 0;
  // Answers one OnProgress(kWholeStreamId) if the stream has watchers and every one is up to date
  // and past its start, else none (etcd's rule).
  virtual void RequestProgress() = 0;
  // After Flow::kPause: the sink takes events of this watcher again.
  virtual void Resume(WatchId id) = 0;
};

class WatchSource {
 public:
  virtual ~WatchSource() = default;
  // shared: the stream's owner and the hub, which may be in the middle of a call, own the sink.
  virtual std::unique_ptr<WatchStream> Open(std::shared_ptr<WatchSink> sink) = 0;
};

}  // namespace kubase::store
