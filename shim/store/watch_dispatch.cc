// How events reach watchers: dispatch of what is new, catching up from the ring and the database,
// and progress. All of it runs on the hub's thread.
#include <algorithm>
#include <utility>

#include "shim/base/failpoint.h"
#include "shim/store/watch_hub.h"
#include "shim/store/watch_hub_state.h"

namespace kubase::store {
namespace {

// Revisions dispatched in one go: large enough to share the work, small enough that commands and
// progress are not held up.
constexpr size_t kDispatchRevisionsMax = 256;
// How long after a failed read of changes it is tried again.
constexpr std::chrono::milliseconds kRetryReadsAfter{200};

// The events of `revision` without the pairs before them.
void DropPrevious(std::vector<EventPtr>& events, Revision revision) {
  for (EventPtr& event : events) {
    if (event->kv->mod_revision != revision || event->prev == nullptr) continue;
    event = std::make_shared<const Event>(Event{event->type, event->kv, nullptr});
  }
}

}  // namespace

bool WatchHub::Wants(const WatchRequest& request, const Event& event, EventAttributes& attributes) {
  if (event.type == Event::Type::kPut ? request.no_put : request.no_delete) return false;
  return request.selector == nullptr || attributes.Match(*request.selector);
}

bool WatchHub::Wants(const WatchRequest& request, const Event& event) const {
  EventAttributes attributes(fields_, event);
  return Wants(request, event, attributes);
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
  Reach(Failpoint::kWatchDispatch);
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
  EventAttributes attributes(fields_, *event);
  const auto collect = [&](Watcher* watcher) {
    if (watcher->state != State::kSynced || revision < watcher->next_revision) return;
    if (!Wants(watcher->request, *event, attributes)) return;
    if (watcher->pending.empty()) touched_.push_back(watcher);
    watcher->pending.push_back(event);
  };
  index_.ForEach(event->kv->key,
                 [&](RangeGroup* group) { group->watchers.ForEach(attributes, collect); });
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
       .with_previous = watcher.request.prev_kv || watcher.request.selector != nullptr},
      [this, key = watcher.stream->key, id = watcher.request.watch_id,
       serial = watcher.serial](Result<WatchBatch> page) {
        // shared: std::function wants a copyable callable.
        auto moved = std::make_shared<Result<WatchBatch>>(std::move(page));
        (void)Post([this, key, id, serial, moved] { OnPage(key, id, serial, std::move(*moved)); });
      });
}

void WatchHub::OnPage(StreamKey key, WatchId id, int64_t serial, Result<WatchBatch> page) {
  Watcher* watcher = FindWatcher(key, id, serial);
  if (watcher == nullptr) return;
  Reach(Failpoint::kWatchCatchUp);
  watcher->reading = false;
  if (!page.ok()) {
    const bool compacted = page.error().code == ErrorCode::kCompacted;
    if (compacted && watcher->next_revision < compact_revision_) {
      CancelCompacted(*watcher->stream, id);
      return;
    }
    // The database is away, or it has committed a compaction of which the writer is about to tell.
    // Nothing is lost: the watcher asks again from where it was.
    const auto unlogged = compacted ? std::nullopt : failed_pages_.Note(page.error().code);
    if (unlogged) {
      log_.Warning("cannot read changes for a watcher; trying again",
                   {{"error", page.error().message}, {"unlogged", *unlogged}});
    }
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
  // What was before the compacted revision cannot be read any more, even where it is still in
  // memory. kube-apiserver tells by its absence that a watch starts too early.
  if (watcher.starts_compacted) DropPrevious(batch.events, watcher.request.start_revision);
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
