// Shards with a lock and an order of use each.
#include "shim/store/pair_cache.h"

#include <functional>
#include <utility>

namespace kubase::store {
namespace {

// Of an entry without its key and value: nodes of both tables and the pair itself.
constexpr size_t kOverheadBytes = 300;

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
  return pair != nullptr && pair->mod_revision <= revision ? pair : nullptr;
}

void PairCache::Learn(std::string_view key, const KeyValuePtr& pair, Revision revision) {
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex);
  if (revision < shard.changed) return;
  Store(shard, key, {pair, revision});
}

bool PairCache::LearnIfRoom(const KeyValuePtr& pair, Revision revision) {
  Shard& shard = ShardOf(pair->key);
  const State state{pair, revision};
  const std::lock_guard lock(shard.mutex);
  if (revision < shard.changed || shard.by_key.contains(pair->key)) return true;
  if (shard.bytes + BytesOf(pair->key, state) > shard_bytes_max_) return false;
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
      const bool put = event->type == Event::Type::kPut;
      Store(shard, key, {put ? event->kv : nullptr, batch.revision});
    }
  }
}

void PairCache::Store(Shard& shard, std::string_view key, const State& state) {
  if (auto found = shard.by_key.find(key); found != shard.by_key.end()) {
    Remove(shard, found->second);
  }
  if (BytesOf(key, state) > shard_bytes_max_ / 2) return;
  Insert(shard, shard.entries.begin(), key, state);
  while (shard.bytes > shard_bytes_max_) Remove(shard, std::prev(shard.entries.end()));
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
