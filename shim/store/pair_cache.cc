// Shards with a lock and an order of use each.
#include "shim/store/pair_cache.h"

#include <functional>
#include <utility>

namespace kubase::store {
namespace {

// Of an entry without its key and value: nodes of both tables and the pair itself.
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
  auto found = shard.by_key.find(key);
  if (found == shard.by_key.end()) return std::nullopt;
  shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
  return found->second->state;
}

KeyValuePtr PairCache::FindAt(std::string_view key, Revision revision) {
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.by_key.find(key);
  if (found == shard.by_key.end()) return nullptr;
  const KeyValuePtr& pair = found->second->state.pair;
  if (pair == nullptr || pair->mod_revision > revision) return nullptr;
  if (++shard.finds % kFindsPerUse == 0) {
    shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
  }
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
  if (revision < shard.changed || shard.by_key.contains(pair->key)) return true;
  if (bytes > shard_bytes_max_ / 2) return true;  // has no room anywhere
  if (shard.bytes + bytes > shard_bytes_max_) return false;
  Insert(shard, shard.entries.end(), pair->key, state);
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
  Insert(shard, shard.entries.begin(), key, state);
  while (shard.bytes > shard_bytes_max_) Remove(shard, std::prev(shard.entries.end()));
}

void PairCache::Forget(Shard& shard, std::string_view key) {
  const auto found = shard.by_key.find(key);
  if (found != shard.by_key.end()) Remove(shard, found->second);
}

size_t PairCache::BytesOf(std::string_view key, const State& state) {
  return kOverheadBytes + 2 * key.size() + (state.pair ? state.pair->value.size() : 0);
}

void PairCache::Insert(Shard& shard, Entries::iterator position, std::string_view key,
                       const State& state) {
  const size_t bytes = BytesOf(key, state);
  const auto entry = shard.entries.insert(position, {std::string(key), state, bytes});
  shard.by_key.emplace(entry->key, entry);
  shard.bytes += bytes;
}

void PairCache::Remove(Shard& shard, Entries::iterator entry) {
  shard.bytes -= entry->bytes;
  shard.by_key.erase(entry->key);
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
