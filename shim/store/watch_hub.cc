// The hub's thread: commands, dispatch, catching up, progress.
#include "shim/store/watch_hub.h"

#include <algorithm>
#include <future>
#include <utility>

#include "shim/base/executor.h"

namespace kubase::store {
namespace {

// Revisions dispatched in one go: large enough to share the work, small enough that commands and
// progress are not held up.
constexpr size_t kDispatchRevisionsMax = 256;
// How long after a failed read of changes it is tried again.
constexpr std::chrono::milliseconds kRetryReadsAfter{200};

bool Wants(const WatchRequest& request, const Event& event) {
  return event.type == Event::Type::kPut ? !request.no_put : !request.no_delete;
}

}  // namespace

struct WatchHub::RangeGroup {
  std::vector<Watcher*> watchers;  // each knows its position
};

struct WatchHub::Watcher {
  Stream* stream = nullptr;
  int64_t serial = 0;  // tells a watcher from a later one with the same id
  WatchRequest request;
  State state = State::kSynced;
  bool reading = false;        // a page is on its way from the database
  Revision next_revision = 0;  // the first one not sent yet
  bool sent_since_progress = false;
  std::vector<EventPtr> pending;  // matches of the running dispatch
  RangeGroup* group = nullptr;
  size_t position = 0;  // in group->watchers
};

struct WatchHub::Stream {
  StreamKey key = 0;
  std::shared_ptr<WatchSink> sink;
  std::unordered_map<WatchId, std::unique_ptr<Watcher>> watchers;
  WatchId next_id = 0;
};

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

WatchHub::WatchHub(const Options& options, CatchUp catch_up, const Clock& clock, Log& log)
    : options_(options),
      catch_up_(std::move(catch_up)),
      clock_(clock),
      log_(log),
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

void WatchHub::DispatchRing() {
  if (dispatched_ >= ring_.newest()) return;
  const EventRing::Slice slice = ring_.Read(dispatched_ + 1, kDispatchRevisionsMax);
  if (!slice.complete) {
    FallBehind();
  } else if (!slice.batches.empty()) {
    Dispatch(slice.batches);
  }
}

void WatchHub::Dispatch(const std::vector<WatchBatch>& batches) {
  touched_.clear();
  for (const WatchBatch& batch : batches) {
    for (const EventPtr& event : batch.events) CollectMatches(event, batch.revision);
  }
  dispatched_ = batches.back().revision;
  // Deliver changes no other watcher, so the list stays valid.
  for (Watcher* watcher : touched_) {
    WatchBatch mine{dispatched_, std::move(watcher->pending)};
    watcher->pending.clear();
    if (!Deliver(*watcher, std::move(mine))) SetState(*watcher, State::kPaused);
  }
}

void WatchHub::CollectMatches(const EventPtr& event, Revision revision) {
  index_.ForEach(event->kv->key, [&](RangeGroup* group) {
    for (Watcher* watcher : group->watchers) {
      if (watcher->state != State::kSynced || revision < watcher->next_revision) continue;
      if (!Wants(watcher->request, *event)) continue;
      if (watcher->pending.empty()) touched_.push_back(watcher);
      watcher->pending.push_back(event);
    }
  });
}

// The ring dropped what was not dispatched yet: the synced watchers go on from the database.
void WatchHub::FallBehind() {
  const Revision resume_from = dispatched_ + 1;
  dispatched_ = ring_.newest();
  log_.Warning("watch dispatch fell behind the ring; reading from the database",
               {{"from", resume_from}, {"to", dispatched_}});
  for (auto& [key, stream] : streams_) {
    std::vector<Watcher*> synced;
    for (auto& [id, watcher] : stream->watchers) {
      if (watcher->state == State::kSynced) synced.push_back(watcher.get());
    }
    for (Watcher* watcher : synced) {
      watcher->next_revision = std::max(watcher->next_revision, resume_from);
      SetState(*watcher, State::kBehind);
      Advance(*watcher);
    }
  }
}

void WatchHub::OpenStream(StreamKey key, std::shared_ptr<WatchSink> sink) {
  auto stream = std::make_unique<Stream>();
  stream->key = key;
  stream->sink = std::move(sink);
  streams_.emplace(key, std::move(stream));
}

void WatchHub::CloseStream(StreamKey key) {
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
  Stream* stream = FindStream(key);
  if (stream == nullptr) return;
  const Revision current = ring_.newest();
  const KeyRange& range = request.range;
  const bool empty_range =
      !range.IsSingle() && !range.IsUnbounded() && range.range_end <= range.key;
  const bool taken =
      request.watch_id != kAutoWatchId && stream->watchers.contains(request.watch_id);
  if (empty_range || taken) {
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
  watcher->position = group->watchers.size();
  group->watchers.push_back(watcher.get());
  stream.watchers.emplace(watcher->request.watch_id, std::move(watcher));
  ++watcher_count_;
}

void WatchHub::Remove(Stream& stream, WatchId id) {
  auto found = stream.watchers.find(id);
  Watcher& watcher = *found->second;
  SetState(watcher, State::kSynced);  // leaves the count of slow ones
  auto& members = watcher.group->watchers;
  members.back()->position = watcher.position;
  members[watcher.position] = members.back();
  members.pop_back();
  if (members.empty()) {
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
  if (stream == nullptr || !stream->watchers.contains(id)) return;
  Remove(*stream, id);
  stream->sink->OnCancelled(id, ring_.newest(), 0, "");
}

void WatchHub::CancelCompacted(Stream& stream, WatchId id) {
  Remove(stream, id);
  stream.sink->OnCancelled(id, ring_.newest(), compact_revision_, "");
}

void WatchHub::Resume(StreamKey key, WatchId id) {
  Stream* stream = FindStream(key);
  if (stream == nullptr) return;
  auto found = stream->watchers.find(id);
  if (found == stream->watchers.end() || found->second->state != State::kPaused) return;
  SetState(*found->second, State::kBehind);
  Advance(*found->second);
}

// Brings a watcher that is behind forward from the ring as far as its sink takes events; what the
// ring has dropped comes from the database.
void WatchHub::Advance(Watcher& watcher) {
  while (watcher.next_revision <= dispatched_) {
    const EventRing::Slice slice = ring_.Read(watcher.next_revision, kDispatchRevisionsMax);
    if (!slice.complete) {
      AdvanceFromDatabase(watcher);
      return;
    }
    WatchBatch mine{std::min(slice.batches.back().revision, dispatched_), {}};
    for (const WatchBatch& batch : slice.batches) {
      if (batch.revision > dispatched_) break;
      for (const EventPtr& event : batch.events) {
        if (!watcher.request.range.Contains(event->kv->key)) continue;
        if (Wants(watcher.request, *event)) mine.events.push_back(event);
      }
    }
    if (!Deliver(watcher, std::move(mine))) {
      SetState(watcher, State::kPaused);
      return;
    }
  }
  SetState(watcher, State::kSynced);
}

void WatchHub::AdvanceFromDatabase(Watcher& watcher) {
  if (watcher.reading) return;
  watcher.reading = true;
  catch_up_(
      {.range = watcher.request.range,
       .first = watcher.next_revision,
       .events_max = options_.catch_up_events_max,
       .with_previous = watcher.request.prev_kv},
      [this, key = watcher.stream->key, id = watcher.request.watch_id,
       serial = watcher.serial](Result<WatchBatch> page) {
        // shared: std::function wants a copyable callable.
        auto moved = std::make_shared<Result<WatchBatch>>(std::move(page));
        (void)Post([this, key, id, serial, moved] { OnPage(key, id, serial, std::move(*moved)); });
      });
}

WatchHub::Watcher* WatchHub::FindWatcher(StreamKey key, WatchId id, int64_t serial) {
  Stream* stream = FindStream(key);
  if (stream == nullptr) return nullptr;
  auto found = stream->watchers.find(id);
  if (found == stream->watchers.end() || found->second->serial != serial) return nullptr;
  return found->second.get();
}

void WatchHub::OnPage(StreamKey key, WatchId id, int64_t serial, Result<WatchBatch> page) {
  Watcher* watcher = FindWatcher(key, id, serial);
  if (watcher == nullptr) return;
  watcher->reading = false;
  if (!page.ok()) {
    if (page.error().code == ErrorCode::kCompacted) {
      CancelCompacted(*watcher->stream, id);
      return;
    }
    // The database is away: nothing is lost, the watcher asks again from where it was.
    log_.Warning("cannot read changes for a watcher; trying again",
                 {{"error", page.error().message}});
    if (failed_reads_.empty()) next_retry_ = clock_.Now() + kRetryReadsAfter;
    failed_reads_.push_back({key, id, serial});
    return;
  }
  auto& events = page->events;
  std::erase_if(events, [&](const EventPtr& event) { return !Wants(watcher->request, *event); });
  if (!Deliver(*watcher, std::move(page).value())) {
    SetState(*watcher, State::kPaused);
  } else {
    Advance(*watcher);
  }
}

void WatchHub::RetryReads() {
  if (failed_reads_.empty() || clock_.Now() < next_retry_) return;
  for (const auto& [key, id, serial] : std::exchange(failed_reads_, {})) {
    Watcher* watcher = FindWatcher(key, id, serial);
    if (watcher != nullptr && watcher->state == State::kBehind) AdvanceFromDatabase(*watcher);
  }
}

bool WatchHub::Deliver(Watcher& watcher, WatchBatch batch) {
  watcher.next_revision = std::max(watcher.next_revision, batch.revision + 1);
  if (batch.events.empty()) return true;
  watcher.sent_since_progress = true;
  return watcher.stream->sink->OnEvents(watcher.request.watch_id, batch) == Flow::kContinue;
}

void WatchHub::RequestProgress(StreamKey key) {
  Stream* stream = FindStream(key);
  if (stream == nullptr) return;
  const bool all_synced =
      std::all_of(stream->watchers.begin(), stream->watchers.end(),
                  [this](const auto& entry) { return HasProgress(*entry.second); });
  if (all_synced && !stream->watchers.empty()) {
    stream->sink->OnProgress(kWholeStreamId, dispatched_);
  }
}

// Everything up to dispatched_ was sent, and that is not before the start that was asked for.
bool WatchHub::HasProgress(const Watcher& watcher) const {
  return watcher.state == State::kSynced && watcher.next_revision <= dispatched_ + 1 &&
         watcher.request.start_revision <= dispatched_;
}

// Like etcd: a watcher that was sent events since the last tick knows where it is.
void WatchHub::SendProgress() {
  if (options_.progress_interval.count() == 0 || clock_.Now() < next_progress_) return;
  next_progress_ = clock_.Now() + options_.progress_interval;
  for (auto& [key, stream] : streams_) {
    for (auto& [id, watcher] : stream->watchers) {
      const bool due = watcher->request.progress_notify && !watcher->sent_since_progress &&
                       HasProgress(*watcher);
      watcher->sent_since_progress = false;
      if (due) stream->sink->OnProgress(id, dispatched_);
    }
  }
}

}  // namespace kubase::store
