// Shards with a lock and an order of use each.
#include "shim/store/pair_cache.h"

#include <functional>
#include <utility>

namespace kubase::store {
namespace {

// Of an entry without its key and value: its nodes and the pair itself.
constexpr size_t kOverheadBytes = 300;
// A scan finds hundreds of pairs, and each step forward in the order of use writes to three
// entries.
constexpr unsigned kFindsPerUse = 8;
// Of pairs that were read together, after which the rest is not tried.
constexpr int kRefusalsMax = 32;

}  // namespace

PairCache::Shard& PairCache::ShardOf(std::string_view key) {
  return shards_[std::hash<std::string_view>{}(key) % kShards];
}

std::optional<PairCache::State> PairCache::Find(std::string_view key) {
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end()) return std::nullopt;
  MoveToFront(shard, found->second);
  return found->second.state;
}

KeyValuePtr PairCache::FindAt(std::string_view key, Revision revision) {
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(key);
  if (found == shard.entries.end()) return nullptr;
  const KeyValuePtr& pair = found->second.state.pair;
  if (pair == nullptr || pair->mod_revision > revision) return nullptr;
  if (++shard.finds % kFindsPerUse == 0) MoveToFront(shard, found->second);
  return pair;
}

void PairCache::Learn(std::string_view key, const KeyValuePtr& pair, Revision revision) {
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex);
  if (revision < shard.changed) return;
  Store(shard, key, {pair, revision});
}

void PairCache::LearnIfRoom(const std::vector<KeyValuePtr>& pairs, Revision revision) {
  int refusals = 0;
  for (const KeyValuePtr& pair : pairs) {
    if (TryLearn(pair, revision)) continue;
    if (++refusals == kRefusalsMax) return;
  }
}

bool PairCache::TryLearn(const KeyValuePtr& pair, Revision revision) {
  Shard& shard = ShardOf(pair->key);
  const State state{pair, revision};
  const size_t bytes = BytesOf(pair->key, state);
  const std::lock_guard lock(shard.mutex);
  if (revision < shard.changed || shard.entries.contains(pair->key)) return true;
  if (bytes > shard_bytes_max_ / 2) return true;  // has no room anywhere
  if (shard.bytes + bytes > shard_bytes_max_) return false;
  Insert(shard, shard.order.end(), pair->key, state);
  return true;
}

void PairCache::OnCommitted(const std::vector<WatchBatch>& batches) {
  for (const WatchBatch& batch : batches) {
    for (const EventPtr& event : batch.events) {
      const std::string& key = event->kv->key;
      Shard& shard = ShardOf(key);
      const std::lock_guard lock(shard.mutex);
      shard.changed = batch.revision;
      if (event->type == Event::Type::kPut) {
        Store(shard, key, {event->kv, batch.revision});
      } else {
        Forget(shard, key);
      }
    }
  }
}

void PairCache::Store(Shard& shard, std::string_view key, const State& state) {
  Forget(shard, key);
  if (BytesOf(key, state) > shard_bytes_max_ / 2) return;
  Insert(shard, shard.order.begin(), key, state);
  while (shard.bytes > shard_bytes_max_) Forget(shard, shard.order.back());
}

void PairCache::Forget(Shard& shard, std::string_view key) {
  const auto found = shard.entries.find(key);
  if (found != shard.entries.end()) Remove(shard, found);
}

size_t PairCache::BytesOf(std::string_view key, const State& state) {
  return kOverheadBytes + key.size() + (state.pair ? state.pair->value.size() : 0);
}

void PairCache::Insert(Shard& shard, Order::iterator position, std::string_view key,
                       const State& state) {
  Entry entry{.state = state};
  if (state.pair == nullptr) entry.absent = std::make_unique<const std::string>(key);
  const std::string_view own = state.pair != nullptr ? state.pair->key : *entry.absent;
  entry.place = shard.order.insert(position, own);
  shard.entries.emplace(own, std::move(entry));
  shard.bytes += BytesOf(own, state);
}

void PairCache::MoveToFront(Shard& shard, const Entry& entry) {
  shard.order.splice(shard.order.begin(), shard.order, entry.place);
}

void PairCache::Remove(Shard& shard, Entries::iterator entry) {
  shard.bytes -= BytesOf(entry->first, entry->second.state);
  shard.order.erase(entry->second.place);
  shard.entries.erase(entry);
}

size_t PairCache::bytes() const {
  size_t bytes = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    bytes += shard.bytes;
  }
  return bytes;
}

}  // namespace kubase::store
