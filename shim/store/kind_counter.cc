// Counting by kube-apiserver's key layout.
#include "shim/store/kind_counter.h"

#include <algorithm>
#include <utility>

#include "shim/store/pairs.h"

namespace kubase::store {
namespace {

constexpr std::string_view kRegistry = "/registry/";

KeyRange PrefixRange(std::string_view prefix) {
  std::string end(prefix);
  ++end.back();  // the prefix ends in '/', so this never overflows
  return {std::string(prefix), std::move(end)};
}

Kind OtherKind(std::string_view key) {
  KeyRange range{std::string(key), std::string(1, '\0')};
  if (key < kRegistry) range.range_end = kRegistry;
  return {"(other)", std::move(range)};
}

// "/registry/services/specs/…" are services, "/registry/services/endpoints/…" endpoints, and nodes
// are still called minions (kubernetes pkg/registry/core/…/storage).
std::string ResourceName(std::string_view first, std::string_view second) {
  if (first == "services") return second == "specs" ? "services" : std::string(second);
  if (first == "minions") return "nodes";
  if (second.empty()) return std::string(first);
  return std::string(second) + "." + std::string(first);
}

Result<KeyValuePtr> FirstFrom(sql::Connection& connection, const Meta& meta,
                              const std::string& key) {
  KeyValuePtr first;
  KUBASE_TRY(ScanRange(connection, meta, {key, std::string(1, '\0')}, meta.revision, 1, true,
                       [&](KeyValuePtr kv) {
                         first = std::move(kv);
                         return false;
                       }));
  return first;
}

}  // namespace

Kind KindOfKey(std::string_view key) {
  if (!key.starts_with(kRegistry)) return OtherKind(key);
  const size_t first_end = key.find('/', kRegistry.size());
  if (first_end == std::string_view::npos)
    return {"(other)", {std::string(key), std::string(key) + '\0'}};
  const std::string_view first = key.substr(kRegistry.size(), first_end - kRegistry.size());
  const bool two_parts = first.find('.') != std::string_view::npos || first == "services";
  const size_t second_end = two_parts ? key.find('/', first_end + 1) : std::string_view::npos;
  if (second_end == std::string_view::npos) {
    return {ResourceName(first, ""), PrefixRange(key.substr(0, first_end + 1))};
  }
  const std::string_view second = key.substr(first_end + 1, second_end - first_end - 1);
  return {ResourceName(first, second), PrefixRange(key.substr(0, second_end + 1))};
}

Result<void> KindCounter::Load(sql::Connection& connection, PublishedRevision& published) {
  KUBASE_ASSIGN_OR_RETURN(const ReadSnapshot snapshot, ReadSnapshot::Begin(connection, published));
  const Meta& meta = snapshot.meta();
  std::map<std::string, int64_t, std::less<>> counts;
  std::string from;
  while (true) {
    KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr first, FirstFrom(connection, meta, from));
    if (first == nullptr) break;
    const Kind kind = KindOfKey(first->key);
    KUBASE_ASSIGN_OR_RETURN(const int64_t count,
                            CountRange(connection, meta, kind.range, meta.revision));
    counts[kind.name] += count;
    if (kind.range.IsUnbounded()) break;
    from = kind.range.range_end;
  }
  std::lock_guard lock(mutex_);
  counts_ = std::move(counts);
  for (const Change& change : early_) {
    if (change.revision > meta.revision) Apply(change.kind, change.by);
  }
  early_ = {};
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
      } else {
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
