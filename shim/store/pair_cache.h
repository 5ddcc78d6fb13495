// PairCache: the present state of the keys that were read or written last, bounded by bytes.
//
// kube-apiserver without its watch cache reads the same leases, nodes and endpoints again and
// again, and each write starts by reading its key. An entry is always what the last commit left,
// because the only writer tells every change before it publishes the revision. What is deleted is
// forgotten: the names of events and jobs that come and go would fill it.
#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shim/store/types.h"
#include "shim/store/watch.h"

namespace kubase::store {

// Any thread.
class PairCache {
 public:
  struct State {
    KeyValuePtr pair;    // null: the key does not exist
    Revision since = 0;  // it has been so at least from this revision on
  };

  explicit PairCache(size_t bytes_max) : shard_bytes_max_(bytes_max / kShards) {}

  // The state of `key` after the last commit that was told.
  std::optional<State> Find(std::string_view key);

  // The pair of `key`, which is there at `revision`; null: not known. What was committed up to then
  // has been told.
  KeyValuePtr FindAt(std::string_view key, Revision revision);

  // What a snapshot at `revision` shows; ignored if a commit may have changed it since.
  void Learn(std::string_view key, const KeyValuePtr& pair, Revision revision);

  // As Learn, of pairs that were read together: they take nobody's place, and are the first to lose
  // their own.
  void LearnIfRoom(const std::vector<KeyValuePtr>& pairs, Revision revision);

  // From the writer, in the order of the revisions.
  void OnCommitted(const std::vector<WatchBatch>& batches);

  size_t bytes() const;

 private:
  static constexpr size_t kShards = 64;

  using Order = std::list<std::string_view>;
  // What a find touches lies together: a list finds hundreds of pairs, each far from the last.
  struct Entry {
    State state;
    Order::iterator place;
    std::unique_ptr<const std::string> absent;  // the key, if there is no pair that has it
  };
  using Entries = std::unordered_map<std::string_view, Entry>;  // views of the entry's own key
  struct Shard {
    mutable std::mutex mutex;
    // All guarded by mutex.
    Entries entries;
    Order order;           // of the entries, the most recently used first
    Revision changed = 0;  // by the last commit
    size_t bytes = 0;
    unsigned finds = 0;  // by FindAt
  };

  // False: there is no room for it now.
  bool TryLearn(const KeyValuePtr& pair, Revision revision);
  Shard& ShardOf(std::string_view key);
  void Store(Shard& shard, std::string_view key, const State& state);
  static void Forget(Shard& shard, std::string_view key);
  static size_t BytesOf(std::string_view key, const State& state);
  static void Insert(Shard& shard, Order::iterator position, std::string_view key,
                     const State& state);
  static void MoveToFront(Shard& shard, const Entry& entry);
  static void Remove(Shard& shard, Entries::iterator entry);

  const size_t shard_bytes_max_;
  std::array<Shard, kShards> shards_;
};

}  // namespace kubase::store
