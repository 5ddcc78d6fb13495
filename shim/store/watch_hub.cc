// The hub's thread, its commands and its tables; events go out in watch_dispatch.cc.
#include "shim/store/watch_hub.h"

#include <algorithm>
#include <future>
#include <utility>

#include "shim/base/executor.h"
#include "shim/store/watch_hub_state.h"

namespace kubase::store {

namespace {

// How often it is looked whether the present revision is known again.
constexpr std::chrono::milliseconds kLookAtHeldEvery{100};

}  // namespace

class WatchHub::StreamHandle final : public WatchStream {
 public:
  StreamHandle(WatchHub& hub, StreamKey key) : hub_(hub), key_(key) {}

  ~StreamHandle() override {
    // Waits until the hub's thread has let go of the sink, so that no call comes after this.
    std::promise<void> closed;
    auto done = closed.get_future();
    const bool posted = hub_.Post([this, &closed] {
      hub_.CloseStream(key_);
      closed.set_value();
    });
    if (posted) {
      done.wait();
    } else {
      hub_.ended_.wait();
    }
  }

  void Create(WatchRequest request) override {
    Post([this, request = std::move(request)] { hub_.Create(key_, request); });
  }
  void Cancel(WatchId id) override {
    Post([this, id] { hub_.Cancel(key_, id); });
  }
  void RequestProgress() override {
    Post([this] { hub_.RequestProgress(key_); });
  }
  void Resume(WatchId id) override {
    Post([this, id] { hub_.Resume(key_, id); });
  }

 private:
  // After the hub's end there is nobody to answer, which WatchSource allows.
  void Post(std::function<void()> command) { (void)hub_.Post(std::move(command)); }

  WatchHub& hub_;
  const StreamKey key_;
};

WatchHub::WatchHub(const Options& options, const PublishedRevision& published,
                   const KindFields& fields, CatchUp catch_up, const Clock& clock, Log& log)
    : options_(options),
      published_revision_(published),
      fields_(fields),
      catch_up_(std::move(catch_up)),
      clock_(clock),
      log_(log),
      failed_pages_(clock),
      ring_(options.ring_bytes_max, options.revision),
      compact_revision_(options.compact_revision),
      ended_(ended_promise_.get_future().share()),
      dispatched_(options.revision),
      next_progress_(clock.Now() + options.progress_interval),
      thread_([this] { Run(); }) {}

WatchHub::~WatchHub() {
  Stop();
}

void WatchHub::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::unique_ptr<WatchStream> WatchHub::Open(std::shared_ptr<WatchSink> sink) {
  const StreamKey key = next_stream_key_++;
  (void)Post([this, key, sink = std::move(sink)] { OpenStream(key, sink); });
  return std::make_unique<StreamHandle>(*this, key);
}

void WatchHub::Publish(std::vector<WatchBatch> batches) {
  ring_.Append(std::move(batches));
  {
    std::lock_guard lock(mutex_);
    published_ = true;
  }
  wake_.notify_one();
}

bool WatchHub::Post(std::function<void()> command) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return false;
    commands_.push_back(std::move(command));
  }
  wake_.notify_one();
  return true;
}

void WatchHub::Run() {
  NameThread("watch-hub");
  while (WaitForWork()) {
    DispatchRing();
    RunCommands();
    CreateHeld();
    RetryReads();
    SendProgress();
  }
  RunCommands();  // those who wait for a stream to close
  streams_.clear();
  ended_promise_.set_value();
}

MonotonicTime WatchHub::NextTimer() const {
  MonotonicTime next = MonotonicTime::max();
  if (options_.progress_interval.count() > 0) next = next_progress_;
  if (!failed_reads_.empty()) next = std::min(next, next_retry_);
  if (!held_.empty()) next = std::min(next, clock_.Now() + kLookAtHeldEvery);
  return next;
}

bool WatchHub::WaitForWork() {
  std::unique_lock lock(mutex_);
  const auto wanted = [this] { return stopping_ || published_ || !commands_.empty(); };
  if (dispatched_ < ring_.newest()) return !stopping_;
  const MonotonicTime timer = NextTimer();
  if (timer == MonotonicTime::max()) {
    wake_.wait(lock, wanted);
  } else {
    wake_.wait_for(lock, std::max(timer - clock_.Now(), MonotonicTime::duration::zero()), wanted);
  }
  published_ = false;
  return !stopping_;
}

void WatchHub::RunCommands() {
  std::deque<std::function<void()>> commands;
  {
    std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (auto& command : commands) command();
}

void WatchHub::OpenStream(StreamKey key, std::shared_ptr<WatchSink> sink) {
  auto stream = std::make_unique<Stream>();
  stream->key = key;
  stream->sink = std::move(sink);
  streams_.emplace(key, std::move(stream));
}

void WatchHub::CloseStream(StreamKey key) {
  std::erase_if(held_, [key](const HeldCreate& held) { return held.key == key; });
  auto found = streams_.find(key);
  if (found == streams_.end()) return;
  Stream& stream = *found->second;
  while (!stream.watchers.empty()) Remove(stream, stream.watchers.begin()->first);
  streams_.erase(found);
}

WatchHub::Stream* WatchHub::FindStream(StreamKey key) {
  auto found = streams_.find(key);
  return found == streams_.end() ? nullptr : found->second.get();
}

void WatchHub::Create(StreamKey key, WatchRequest request) {
  held_.push_back({key, std::move(request), false});
  CreateHeld();
}

void WatchHub::CreateHeld() {
  while (!held_.empty()) {
    // Not of the ring: a client that has read a revision does not want to be told of it again.
    const Revision current = published_revision_.get();
    if (!options_.is_current()) return;
    HeldCreate held = std::move(held_.front());
    held_.pop_front();
    const WatchId id = held.request.watch_id;
    CreateAt(current, held.key, std::move(held.request));
    if (held.cancelled) Cancel(held.key, id);
  }
}

void WatchHub::CreateAt(Revision current, StreamKey key, WatchRequest request) {
  Stream* stream = FindStream(key);
  if (stream == nullptr) return;
  const KeyRange& range = request.range;
  const bool taken =
      request.watch_id != kAutoWatchId && stream->watchers.contains(request.watch_id);
  if (range.IsEmpty() || taken) {
    stream->sink->OnCancelled(kWholeStreamId, current, 0,
                              taken ? "mvcc: duplicate watch ID provided on the WatchStream"
                                    : "mvcc: watcher range is empty");
    return;
  }
  auto watcher = std::make_unique<Watcher>();
  if (request.watch_id == kAutoWatchId) {
    while (stream->watchers.contains(stream->next_id)) ++stream->next_id;
    request.watch_id = stream->next_id++;
  }
  const Revision first = request.start_revision > 0 ? request.start_revision : current + 1;
  watcher->request = std::move(request);
  watcher->next_revision = first;
  watcher->starts_compacted = first == compact_revision_;
  Watcher& added = *watcher;
  Insert(*stream, std::move(watcher));
  stream->sink->OnCreated(added.request.watch_id, current);
  if (added.request.start_revision > 0 && first < compact_revision_) {
    CancelCompacted(*stream, added.request.watch_id);
  } else if (first <= dispatched_) {
    SetState(added, State::kBehind);
    Advance(added);
  }
}

void WatchHub::Insert(Stream& stream, std::unique_ptr<Watcher> watcher) {
  const KeyRange& range = watcher->request.range;
  auto& group = groups_[{range.key, range.range_end}];
  if (group == nullptr) {
    group = std::make_unique<RangeGroup>();
    index_.Add(range, group.get());
  }
  watcher->stream = &stream;
  watcher->serial = next_serial_++;
  watcher->group = group.get();
  group->watchers.Add(watcher.get());
  stream.watchers.emplace(watcher->request.watch_id, std::move(watcher));
  ++watcher_count_;
}

void WatchHub::Remove(Stream& stream, WatchId id) {
  auto found = stream.watchers.find(id);
  Watcher& watcher = *found->second;
  SetState(watcher, State::kSynced);  // leaves the count of slow ones
  watcher.group->watchers.Remove(&watcher);
  if (watcher.group->watchers.empty()) {
    const KeyRange& range = watcher.request.range;
    index_.Remove(range, watcher.group);
    groups_.erase({range.key, range.range_end});
  }
  stream.watchers.erase(found);
  --watcher_count_;
}

void WatchHub::SetState(Watcher& watcher, State state) {
  slow_count_ += (state != State::kSynced ? 1 : 0) - (watcher.state != State::kSynced ? 1 : 0);
  watcher.state = state;
}

void WatchHub::Cancel(StreamKey key, WatchId id) {
  Stream* stream = FindStream(key);
  if (stream == nullptr) return;
  if (!stream->watchers.contains(id)) {
    if (id == kAutoWatchId) return;  // of the held ones, each gets an id of its own
    for (HeldCreate& held : held_) {
      if (held.key == key && held.request.watch_id == id) held.cancelled = true;
    }
    return;
  }
  Remove(*stream, id);
  stream->sink->OnCancelled(id, published_revision_.get(), 0, "");
}

void WatchHub::CancelCompacted(Stream& stream, WatchId id) {
  Remove(stream, id);
  stream.sink->OnCancelled(id, published_revision_.get(), compact_revision_, "");
}

void WatchHub::Resume(StreamKey key, WatchId id) {
  Stream* stream = FindStream(key);
  if (stream == nullptr) return;
  auto found = stream->watchers.find(id);
  if (found == stream->watchers.end() || found->second->state != State::kPaused) return;
  SetState(*found->second, State::kBehind);
  Advance(*found->second);
}

WatchHub::Watcher* WatchHub::FindWatcher(StreamKey key, WatchId id, int64_t serial) {
  Stream* stream = FindStream(key);
  if (stream == nullptr) return nullptr;
  auto found = stream->watchers.find(id);
  if (found == stream->watchers.end() || found->second->serial != serial) return nullptr;
  return found->second.get();
}

}  // namespace kubase::store
