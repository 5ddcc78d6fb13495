// WatchHub: sends every change to the watchers that want it.
//
// One thread owns all watchers. The writer only appends to the ring and wakes it. A watcher is
//   synced    everything up to dispatched_ was sent; new events come with each dispatch
//   behind    it started in the past or was paused: pages are read from the ring, or by `catch_up`
//             from the database, until it has reached dispatched_
//   paused    its sink wants no more until Resume
// A watcher of a process that may not lead any more is not created until that is known, since it
// would begin before what its client has seen elsewhere.
// Nothing is kept per slow watcher but the next revision it needs, so nothing can overflow or be
// dropped. An event costs the watchers that match, not those that exist.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/log_pacer.h"
#include "shim/base/result.h"
#include "shim/store/change_reader.h"
#include "shim/store/event_attributes.h"
#include "shim/store/event_ring.h"
#include "shim/store/kind_fields.h"
#include "shim/store/published_revision.h"
#include "shim/store/range_index.h"
#include "shim/store/watch.h"

namespace kubase::store {

class WatchHub final : public WatchSource {
 public:
  // Reads a page of changes on another thread and calls back from there, exactly once, in any
  // order.
  using CatchUp = std::function<void(ChangeQuery, std::function<void(Result<WatchBatch>)>)>;

  struct Options {
    size_t ring_bytes_max = 0;
    int64_t catch_up_events_max = 0;
    std::chrono::milliseconds progress_interval{0};
    Revision revision = 0;          // everything after it will be published
    Revision compact_revision = 0;  // < 0: never compacted
    // Whether `published` was the truth until this call. False for who may be led by another
    // already, and for who cannot know it while the database is away.
    std::function<bool()> is_current = [] { return true; };
  };

  // `published` is what reads can have seen: never behind what was given to Publish, for a moment
  // ahead of it. The references must outlive the hub; `catch_up` may be called until Stop returns.
  WatchHub(const Options& options, const PublishedRevision& published, const KindFields& fields,
           CatchUp catch_up, const Clock& clock, Log& log);
  ~WatchHub() override;

  std::unique_ptr<WatchStream> Open(std::shared_ptr<WatchSink> sink) override;

  // From the writer, after the commit and before its callers are answered. Never blocks for long.
  void Publish(std::vector<WatchBatch> batches);
  void SetCompactRevision(Revision revision) { compact_revision_ = revision; }

  // Ends the thread; watchers get no further call. Idempotent.
  void Stop();

  int64_t watchers() const { return watcher_count_; }
  int64_t slow_watchers() const { return slow_count_; }

 private:
  class StreamHandle;
  struct Stream;
  struct Watcher;
  struct RangeGroup;
  enum class State { kSynced, kBehind, kPaused };
  using StreamKey = int64_t;

  // Runs `command` on the hub's thread; false when the hub has stopped.
  bool Post(std::function<void()> command);
  void Run();
  bool WaitForWork();  // false: stop
  void RunCommands();
  MonotonicTime NextTimer() const;
  void RetryReads();
  void DispatchRing();
  void Dispatch(const std::vector<WatchBatch>& batches);
  void CollectMatches(const EventPtr& event, Revision revision);
  // Whether the watcher's filters and selector let an event of its range pass.
  static bool Wants(const WatchRequest& request, const Event& event, EventAttributes& attributes);
  bool Wants(const WatchRequest& request, const Event& event) const;
  void FallBehind();
  void SendProgress();

  void OpenStream(StreamKey key, std::shared_ptr<WatchSink> sink);
  void CloseStream(StreamKey key);
  // In the order of the requests, once the present revision is known.
  void Create(StreamKey key, WatchRequest request);
  void CreateHeld();
  void CreateAt(Revision current, StreamKey key, WatchRequest request);
  void Cancel(StreamKey key, WatchId id);
  void RequestProgress(StreamKey key);
  void Resume(StreamKey key, WatchId id);

  Stream* FindStream(StreamKey key);
  Watcher* FindWatcher(StreamKey key, WatchId id, int64_t serial);
  void Insert(Stream& stream, std::unique_ptr<Watcher> watcher);
  void Remove(Stream& stream, WatchId id);
  void SetState(Watcher& watcher, State state);
  void Advance(Watcher& watcher);
  void AdvanceFromDatabase(Watcher& watcher);
  void OnPage(StreamKey key, WatchId id, int64_t serial, Result<WatchBatch> page);
  // Sends what matches of `events`; false when the sink paused.
  bool Deliver(Watcher& watcher, WatchBatch batch);
  bool HasProgress(const Watcher& watcher) const;
  void CancelCompacted(Stream& stream, WatchId id);

  const Options options_;
  const PublishedRevision& published_revision_;
  const KindFields& fields_;
  const CatchUp catch_up_;
  const Clock& clock_;
  Log& log_;
  LogPacer failed_pages_;
  EventRing ring_;
  std::atomic<Revision> compact_revision_;
  std::atomic<int64_t> watcher_count_{0};
  std::atomic<int64_t> slow_count_{0};
  std::atomic<StreamKey> next_stream_key_{1};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> commands_;  // guarded by mutex_
  bool published_ = false;                      // guarded by mutex_
  bool stopping_ = false;                       // guarded by mutex_
  std::promise<void> ended_promise_;
  const std::shared_future<void> ended_;  // ready when the thread makes no more calls

  // The rest belongs to the hub's thread.
  Revision dispatched_;
  std::unordered_map<StreamKey, std::unique_ptr<Stream>> streams_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<RangeGroup>> groups_;
  RangeIndex<RangeGroup*> index_;
  std::vector<Watcher*> touched_;  // watchers with pending events in the running dispatch
  int64_t next_serial_ = 1;
  MonotonicTime next_progress_;
  struct FailedRead {
    StreamKey key;
    WatchId id;
    int64_t serial;
  };
  std::vector<FailedRead> failed_reads_;  // all tried again at next_retry_
  MonotonicTime next_retry_;
  struct HeldCreate {
    StreamKey key;
    WatchRequest request;
    bool cancelled;  // by the client, since
  };
  std::deque<HeldCreate> held_;  // until the present revision is known
  std::thread thread_;
};

}  // namespace kubase::store
