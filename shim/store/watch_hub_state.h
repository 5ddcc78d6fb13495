// What the hub's thread knows of each stream and watcher. Private to the hub.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "shim/store/watch_hub.h"
#include "shim/store/watcher_group.h"

namespace kubase::store {

struct WatchHub::RangeGroup {
  WatcherGroup<Watcher> watchers;
};

struct WatchHub::Watcher {
  Stream* stream = nullptr;
  int64_t serial = 0;  // tells a watcher from a later one with the same id
  WatchRequest request;
  State state = State::kSynced;
  bool reading = false;        // a page is on its way from the database
  Revision next_revision = 0;  // the first one not sent yet
  bool sent_since_progress = false;
  bool starts_compacted = false;  // at the compacted revision itself
  std::vector<EventPtr> pending;  // matches of the running dispatch
  RangeGroup* group = nullptr;
  size_t position = 0;  // in its list of the group
};

struct WatchHub::Stream {
  StreamKey key = 0;
  std::shared_ptr<WatchSink> sink;
  std::unordered_map<WatchId, std::unique_ptr<Watcher>> watchers;
  WatchId next_id = 0;
};

}  // namespace kubase::store
