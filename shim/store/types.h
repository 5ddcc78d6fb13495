// The requests and answers of the etcd v3 contract as plain values (etcd api/etcdserverpb/rpc.proto
// has the fields' full story). No gRPC, no SQL.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shim/select/selector.h"

namespace kubase::store {

// The cluster-wide counter of changes; 1 is the empty store. One transaction that changes anything
// takes exactly one revision.
using Revision = int64_t;
using LeaseId = int64_t;  // 0: no lease

struct KeyValue {
  std::string key;
  std::string value;
  Revision create_revision = 0;
  Revision mod_revision = 0;
  int64_t version = 0;  // 1 at creation, +1 with each change; 0 only in tombstones
  LeaseId lease = 0;
  int64_t sub = 0;  // position among the changes of mod_revision; never leaves the store
  int64_t id = 0;   // of the live pair in the database, else 0; never leaves the store
};
// shared: the write cache, the event ring and every stream that sends the pair own it together.
using KeyValuePtr = std::shared_ptr<const KeyValue>;

// Keys k with key <= k < range_end. Empty range_end: the one key. range_end "\0": no upper bound.
struct KeyRange {
  std::string key;
  std::string range_end;

  bool IsSingle() const { return range_end.empty(); }
  bool IsUnbounded() const { return range_end.size() == 1 && range_end[0] == '\0'; }
  // Ends where it starts, or before: no key can be in it.
  bool IsEmpty() const { return !IsSingle() && !IsUnbounded() && range_end <= key; }
  bool Contains(std::string_view candidate) const {
    if (IsSingle()) return candidate == key;
    return candidate >= key && (IsUnbounded() || candidate < range_end);
  }
  bool operator==(const KeyRange&) const = default;
};

enum class SortOrder { kNone, kAscend, kDescend };
enum class SortTarget { kKey, kVersion, kCreate, kMod, kValue };

struct RangeRequest {
  KeyRange range;
  int64_t limit = 0;      // <= 0: none
  Revision revision = 0;  // <= 0: the latest
  SortOrder sort_order = SortOrder::kNone;
  SortTarget sort_target = SortTarget::kKey;
  bool keys_only = false;
  bool count_only = false;
  Revision min_mod_revision = 0;  // these four: 0 is "no bound"
  Revision max_mod_revision = 0;
  Revision min_create_revision = 0;
  Revision max_create_revision = 0;
  // Null: every pair. With one, a page's count is its own and one more if there are more.
  // shared: the parts of a stream use it one after another.
  std::shared_ptr<const select::Selector> selector;
  // Whether nobody waits for the answer any more, so that it may be kCancelled; null: somebody
  // does. It is asked until the answer, on any thread.
  std::function<bool()> is_abandoned;

  bool IsAbandoned() const { return is_abandoned != nullptr && is_abandoned(); }

  // True when the answer is not simply a key-ordered prefix of the range: the whole range has to be
  // read before the limit applies.
  bool NeedsWholeRange() const {
    return (sort_order != SortOrder::kNone && sort_target != SortTarget::kKey) ||
           sort_order == SortOrder::kDescend || min_mod_revision != 0 || max_mod_revision != 0 ||
           min_create_revision != 0 || max_create_revision != 0;
  }
};

struct RangeResponse {
  Revision revision = 0;  // the store's current revision, also when an old one was read
  std::vector<KeyValuePtr> kvs;
  bool more = false;
  int64_t count = 0;  // all keys of the range at that revision, whatever the limit
};

struct PutRequest {
  std::string key;
  std::string value;
  LeaseId lease = 0;
  bool prev_kv = false;
  bool ignore_value = false;
  bool ignore_lease = false;
};

struct PutResponse {
  Revision revision = 0;
  KeyValuePtr prev_kv;  // null unless asked for and present
};

struct DeleteRangeRequest {
  KeyRange range;
  bool prev_kv = false;
};

struct DeleteRangeResponse {
  Revision revision = 0;
  int64_t deleted = 0;
  std::vector<KeyValuePtr> prev_kvs;  // empty unless asked for
};

struct Compare {
  enum class Relation { kEqual, kGreater, kLess, kNotEqual };
  enum class Target { kVersion, kCreate, kMod, kValue, kLease };
  KeyRange range;
  Relation relation = Relation::kEqual;
  Target target = Target::kVersion;
  int64_t number = 0;  // for every target but kValue
  std::string value;   // for kValue
};

struct Operation;
struct TxnRequest {
  std::vector<Compare> compares;
  std::vector<Operation> success;
  std::vector<Operation> failure;
  // By the garbage collector of kube-controller-manager, which leaves to the storage what the
  // storage collects.
  bool by_garbage_collector = false;
};
struct Operation {
  std::variant<RangeRequest, PutRequest, DeleteRangeRequest, TxnRequest> request;
};

// Keys that requests name, as far as they read them; views of the requests.
struct NamedKeys {
  std::vector<std::string_view> read;
  // Of which a request asks only that there is nothing, and which it puts then.
  std::vector<std::string_view> created;
};

struct OperationResponse;
struct TxnResponse {
  Revision revision = 0;  // after the transaction, whether or not it changed anything
  bool succeeded = false;
  std::vector<OperationResponse> responses;
};
struct OperationResponse {
  std::variant<RangeResponse, PutResponse, DeleteRangeResponse, TxnResponse> response;
};

// As etcd numbers them.
enum class Alarm : int64_t { kNoSpace = 1 };

// One change of one key. `prev` is the pair before it: null for a creation, and for a change at or
// below the compacted revision.
struct Event {
  enum class Type { kPut, kDelete };
  Type type = Type::kPut;
  KeyValuePtr kv;  // of a delete: only key and mod_revision are set
  KeyValuePtr prev;

  // 1: a key came into being, -1: one went, 0: one changed. Also of several events of one revision.
  int64_t KeysAdded() const {
    if (type == Type::kDelete) return -1;
    return kv->version == 1 ? 1 : 0;
  }
};
// shared: the ring and every watch stream that has the event queued own it together.
using EventPtr = std::shared_ptr<const Event>;

struct LeaseGrantResponse {
  Revision revision = 0;
  LeaseId id = 0;
  int64_t ttl_seconds = 0;  // as granted, possibly raised to the minimum
};

struct LeaseKeepAliveResponse {
  Revision revision = 0;
  int64_t ttl_seconds = 0;  // 0: there is no such lease
};

struct LeaseTimeToLiveResponse {
  Revision revision = 0;
  int64_t ttl_seconds = -1;  // remaining; -1: there is no such lease
  int64_t granted_ttl_seconds = 0;
  std::vector<std::string> keys;  // in key order; empty unless asked for
};

struct HashKvResponse {
  Revision revision = 0;
  Revision compact_revision = 0;
  Revision hash_revision = 0;
  uint32_t hash = 0;
};

struct KindCount {
  std::string name;
  int64_t count = 0;
};

// What Status, metrics and the status page show of a store.
struct StoreStatus {
  uint64_t cluster_id = 0;
  uint64_t member_id = 0;
  std::string engine;  // "SQLite 3.40.1"
  Revision revision = 0;
  Revision compact_revision = 0;
  int64_t db_size_bytes = 0;
  int64_t db_size_in_use_bytes = 0;
  int64_t db_size_limit_bytes = 0;
  int64_t watchers = 0;
  int64_t slow_watchers = 0;
  int64_t leases = 0;
  bool no_space = false;  // the NOSPACE alarm is raised
  std::string failure;    // why the store refuses writes; empty: it takes them
  bool broken = false;    // only a human can help: the stored data contradicts itself
};

}  // namespace kubase::store
