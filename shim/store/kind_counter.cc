// Counting by kube-apiserver's key layout.
#include "shim/store/kind_counter.h"

#include <algorithm>
#include <utility>

#include "shim/store/kind.h"
#include "shim/store/pairs.h"

namespace kubase::store {

Result<void> KindCounter::Load(sql::Connection& connection, PublishedRevision& published) {
  {
    std::lock_guard lock(mutex_);
    counting_ = true;
  }
  Result<void> counted = Count(connection, published);
  std::lock_guard lock(mutex_);
  counting_ = false;
  early_ = {};
  return counted;
}

Result<void> KindCounter::Count(sql::Connection& connection, PublishedRevision& published) {
  KUBASE_ASSIGN_OR_RETURN(const ReadSnapshot snapshot, ReadSnapshot::Begin(connection, published));
  const Meta& meta = snapshot.meta();
  std::map<std::string, int64_t, std::less<>> counts;
  KUBASE_ASSIGN_OR_RETURN(const std::vector<Kind> kinds, ListKinds(connection, meta));
  for (const Kind& kind : kinds) {
    KUBASE_ASSIGN_OR_RETURN(const int64_t count,
                            CountRange(connection, meta, kind.range, meta.revision));
    counts[kind.name] += count;
  }
  std::lock_guard lock(mutex_);
  counts_ = std::move(counts);
  for (const Change& change : early_) {
    if (change.revision > meta.revision) Apply(change.kind, change.by);
  }
  loaded_ = true;
  return Ok();
}

void KindCounter::OnCommitted(const std::vector<WatchBatch>& batches) {
  std::lock_guard lock(mutex_);
  for (const WatchBatch& batch : batches) {
    for (const EventPtr& event : batch.events) {
      const int64_t added = event->KeysAdded();
      if (added == 0) continue;
      std::string kind = KindOfKey(event->kv->key).name;
      if (loaded_) {
        Apply(kind, added);
      } else if (counting_) {
        early_.push_back({batch.revision, std::move(kind), added});
      }
    }
  }
}

void KindCounter::Apply(const std::string& kind, int64_t by) {
  const int64_t count = counts_[kind] += by;
  if (count == 0) counts_.erase(kind);
}

std::vector<KindCount> KindCounter::Read() const {
  std::vector<KindCount> kinds;
  {
    std::lock_guard lock(mutex_);
    if (!loaded_) return kinds;
    for (const auto& [name, count] : counts_) kinds.push_back({name, count});
  }
  std::stable_sort(kinds.begin(), kinds.end(),
                   [](const KindCount& a, const KindCount& b) { return a.count > b.count; });
  return kinds;
}

}  // namespace kubase::store
