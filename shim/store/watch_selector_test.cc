// Watches with selectors over a real store, against the filtering of every event.
#include <catch2/catch.hpp>
#include <condition_variable>
#include <map>
#include <mutex>

#include "shim/select/object_reader.h"
#include "shim/store/random_widgets_test.h"
#include "shim/store/store_fixture_test.h"

namespace kubase::store {
namespace {

// The revisions of the events of one watcher.
class Recorder final : public WatchSink {
 public:
  void OnCreated(WatchId, Revision) override {}
  Flow OnEvents(WatchId, const WatchBatch& batch) override {
    const std::lock_guard lock(mutex_);
    for (const EventPtr& event : batch.events) revisions_.push_back(event->kv->mod_revision);
    changed_.notify_all();
    return Flow::kContinue;
  }
  void OnProgress(WatchId, Revision revision) override {
    const std::lock_guard lock(mutex_);
    progress_ = revision;
    changed_.notify_all();
  }
  void OnCancelled(WatchId, Revision, Revision, const std::string&) override {}

  // All that came up to the progress, which has to reach `revision`.
  std::vector<Revision> WaitFor(Revision revision, WatchStream& stream) {
    std::unique_lock lock(mutex_);
    while (progress_ < revision) {
      lock.unlock();
      stream.RequestProgress();  // not answered while the watcher is behind
      lock.lock();
      changed_.wait_for(lock, std::chrono::milliseconds(20));
    }
    return revisions_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Revision> revisions_;  // guarded by mutex_
  Revision progress_ = 0;            // guarded by mutex_
};

struct Change {
  std::string key;
  std::optional<std::string> before, after;
};

class WatchedWidgets : public StoreFixture {
 public:
  // The ring holds so much; what is older comes from the database.
  explicit WatchedWidgets(size_t ring_bytes) : StoreFixture({.ring_bytes_max = ring_bytes}) {}

  void Apply(const std::string& key, const std::optional<std::string>& value) {
    const Revision revision =
        value ? Put({.key = key, .value = *value})->revision : Delete({key, ""})->revision;
    std::optional<std::string> before;
    if (const auto found = present_.find(key); found != present_.end()) before = found->second;
    if (!before && !value) return;  // nothing to delete
    changes_[revision] = {key, before, value};
    if (value) {
      present_[key] = *value;
    } else {
      present_.erase(key);
    }
  }

  std::vector<Revision> Expected(const WatchRequest& request) const {
    const auto matches = [&](const std::string& key, const std::optional<std::string>& value) {
      return value &&
             select::Matches(*request.selector,
                             select::ReadAttributes(select::FieldTable(),
                                                    key.substr(kWidgetsPrefix.size()), *value));
    };
    std::vector<Revision> revisions;
    for (const auto& [revision, change] : changes_) {
      if (revision < request.start_revision || !request.range.Contains(change.key)) continue;
      if (matches(change.key, change.before) || matches(change.key, change.after)) {
        revisions.push_back(revision);
      }
    }
    return revisions;
  }

 private:
  std::map<std::string, std::string> present_;
  std::map<Revision, Change> changes_;
};

struct Watch {
  WatchRequest request;
  std::shared_ptr<Recorder> recorder;
  std::unique_ptr<WatchStream> stream;
};

void RunHistory(uint32_t seed) {
  INFO("seed " << seed);
  RandomWidgets random(seed);
  WatchedWidgets f(seed % 2 == 0 ? 4096 : 0);
  std::vector<Watch> watches;
  for (int step = 0; step < 200; ++step) {
    const std::string key = random.Key();
    f.Apply(key, random.Random(6) == 0 ? std::nullopt : std::optional(random.Value()));
    if (step % 5 != 0) continue;
    Watch watch{.request = {.range = {kWidgetsPrefix, "/registry/example.com/widgets0"},
                            .start_revision = 1 + random.Random(step + 3),
                            .selector = random.Selector()},
                .recorder = std::make_shared<Recorder>(),
                .stream = nullptr};
    if (random.Random(4) == 0) watch.request.range = {kWidgetsPrefix + "b/", kWidgetsPrefix + "b0"};
    watch.stream = f.store().watches().Open(watch.recorder);
    watch.stream->Create(watch.request);
    watches.push_back(std::move(watch));
  }
  for (const Watch& watch : watches) {
    CAPTURE(select::ToText(*watch.request.selector), watch.request.start_revision);
    CHECK(watch.recorder->WaitFor(f.store().current_revision(), *watch.stream) ==
          f.Expected(watch.request));
  }
}

TEST_CASE("Watch: random selectors get what the filtering of every event does") {
  for (uint32_t seed = 1; seed <= 6; ++seed) RunHistory(seed);
}

}  // namespace
}  // namespace kubase::store
