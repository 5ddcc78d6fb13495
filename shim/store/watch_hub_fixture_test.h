// For tests of the hub without a database: catching up reads a list that the test keeps.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/store/watch_hub.h"

namespace kubase::store {

// Remembers what a stream was sent; `pause_every` > 0 pauses after each so many batches.
class RecordingSink final : public WatchSink {
 public:
  explicit RecordingSink(int pause_every = 0) : pause_every_(pause_every) {}

  void OnCreated(WatchId id, Revision revision) override {
    Note([&] { created_[id] = revision; });
  }
  Flow OnEvents(WatchId id, const WatchBatch& batch) override {
    Flow flow = Flow::kContinue;
    Note([&] {
      for (const EventPtr& event : batch.events) {
        events_[id].push_back({event->kv->mod_revision, event->kv->key});
      }
      ++batches_;
      if (pause_every_ > 0 && batches_ % pause_every_ == 0) {
        ++paused_;
        flow = Flow::kPause;
      }
    });
    return flow;
  }
  void OnProgress(WatchId id, Revision revision) override {
    Note([&] { progress_.push_back({id, revision}); });
  }
  void OnCancelled(WatchId id, Revision, Revision compact, const std::string& reason) override {
    Note([&] { cancelled_.push_back({id, compact, reason}); });
  }

  template <typename Condition>
  bool WaitUntil(const Condition& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return condition(*this); });
  }

  template <typename Condition>
  bool Holds(const Condition& condition) {
    std::lock_guard lock(mutex_);
    return condition(*this);
  }

  struct Cancelled {
    WatchId id;
    Revision compact;
    std::string reason;
  };
  std::map<WatchId, Revision> created_;
  std::map<WatchId, std::vector<std::pair<Revision, std::string>>> events_;
  std::vector<std::pair<WatchId, Revision>> progress_;
  std::vector<Cancelled> cancelled_;
  int batches_ = 0;
  int paused_ = 0;

 private:
  template <typename Change>
  void Note(const Change& change) {
    {
      std::lock_guard lock(mutex_);
      change();
    }
    changed_.notify_all();
  }

  const int pause_every_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

inline EventPtr MakePut(const std::string& key, Revision revision) {
  auto kv = std::make_shared<const KeyValue>(
      KeyValue{.key = key, .value = "v", .create_revision = revision, .mod_revision = revision});
  return std::make_shared<const Event>(Event{Event::Type::kPut, std::move(kv), nullptr});
}

// A hub with its log of everything published, from which pages are read.
class HubFixture {
 public:
  explicit HubFixture(size_t ring_bytes = 1 << 20, std::chrono::milliseconds progress = {})
      : log_(LogTo([this](LogLevel, const std::string& line) {
          if (line.find("cannot read changes") != std::string::npos) ++warnings_;
        })),
        hub_(
            {.ring_bytes_max = ring_bytes,
             .catch_up_events_max = 3,
             .progress_interval = progress,
             .revision = 1,
             .compact_revision = -1,
             .is_current = [this] { return is_current_.load(); }},
            published_revision_, fields_,
            [this](ChangeQuery query, auto done) { done(ReadPage(query)); }, clock_, *log_) {}

  void Publish(const std::vector<std::string>& keys) {
    WatchBatch batch{++revision_, {}};
    for (const std::string& key : keys) batch.events.push_back(MakePut(key, revision_));
    {
      std::lock_guard lock(mutex_);
      published_.push_back(batch);
    }
    SetPublishedRevision(revision_);
    hub_.Publish({batch});
  }

  // What reads can have seen, which the store sets before it publishes the events.
  void SetPublishedRevision(Revision revision) {
    if (revision > published_revision_.get()) published_revision_.Set(revision);
  }

  WatchHub& hub() { return hub_; }
  Revision revision() const { return revision_; }
  int pages() const { return pages_; }
  int read_warnings() const { return warnings_; }
  void FailNextPages(int n) { failures_ = n; }
  // Whether another process can lead the database.
  void SetCurrent(bool is_current) { is_current_ = is_current; }
  // What the database tells before the hub hears of it.
  void CompactDatabase(Revision revision) { compacted_ = revision; }

 private:
  Result<WatchBatch> ReadPage(const ChangeQuery& query) {
    ++pages_;
    if (failures_ > 0) {
      --failures_;
      return Error{ErrorCode::kUnavailable, "the database is away"};
    }
    if (query.first < compacted_) return Error{ErrorCode::kCompacted, "compacted"};
    std::lock_guard lock(mutex_);
    WatchBatch page{published_.empty() ? query.first - 1 : published_.back().revision, {}};
    for (const WatchBatch& batch : published_) {
      if (batch.revision < query.first) continue;
      for (const EventPtr& event : batch.events) {
        if (query.range.Contains(event->kv->key)) page.events.push_back(event);
      }
      if (static_cast<int64_t>(page.events.size()) >= query.events_max) {
        page.revision = batch.revision;
        break;
      }
    }
    return page;
  }

  SystemClock clock_;
  std::atomic<int> warnings_{0};
  std::unique_ptr<Log> log_;
  std::mutex mutex_;
  std::vector<WatchBatch> published_;
  std::atomic<int> pages_{0};
  std::atomic<int> failures_{0};
  std::atomic<Revision> compacted_{-1};
  std::atomic<bool> is_current_{true};
  Revision revision_ = 1;
  PublishedRevision published_revision_{1};
  KindFields fields_;
  WatchHub hub_;
};

}  // namespace kubase::store
