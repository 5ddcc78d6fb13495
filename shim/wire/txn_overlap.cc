// Collects the keys that each path changes, from the leaves up.
#include "shim/wire/txn_overlap.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

using Key = std::string_view;  // into the request, which outlives the check

// What one path changes.
class Changes {
 public:
  // False: a key is put already, and not by `instead` (the branch that excludes this one), or it is
  // in a deleted range.
  bool AddPuts(const std::set<Key>& keys, const std::set<Key>& instead) {
    for (Key key : keys) {
      if (Deletes(key) || (puts_.contains(key) && !instead.contains(key))) return false;
    }
    puts_.insert(keys.begin(), keys.end());
    return true;
  }
  void AddDeletedKey(Key key) { deleted_keys_.insert(key); }
  void AddDeletedRange(Key begin, Key end) {
    if (begin < end) MergeRange(begin, end);
  }
  void AddDeletesOf(const Changes& other) {
    deleted_keys_.insert(other.deleted_keys_.begin(), other.deleted_keys_.end());
    for (const auto& [begin, end] : other.deleted_ranges_) MergeRange(begin, end);
  }

  const std::set<Key>& put_keys() const { return puts_; }

 private:
  bool Deletes(Key key) const {
    if (deleted_keys_.contains(key)) return true;
    auto after = deleted_ranges_.upper_bound(key);
    return after != deleted_ranges_.begin() && key < std::prev(after)->second;
  }

  // Keeps the ranges disjoint, so that one search answers Deletes.
  void MergeRange(Key begin, Key end) {
    auto next = deleted_ranges_.upper_bound(begin);
    if (next != deleted_ranges_.begin() && std::prev(next)->second >= begin) --next;
    while (next != deleted_ranges_.end() && next->first <= end) {
      begin = std::min(begin, next->first);
      end = std::max(end, next->second);
      next = deleted_ranges_.erase(next);
    }
    deleted_ranges_.emplace(begin, end);
  }

  std::set<Key> puts_;
  std::set<Key> deleted_keys_;
  std::map<Key, Key> deleted_ranges_;  // begin -> exclusive end
};

using Operations = google::protobuf::RepeatedPtrField<pb::RequestOp>;

Error Duplicate() {
  return {ErrorCode::kDuplicateKey, "a transaction changes one key twice"};
}

// "\0" as the end, all keys from here on, is taken for a key by etcd's check, so that the range is
// empty and overlaps with nothing; such a transaction changes keys twice in one revision.
void AddDelete(const pb::DeleteRangeRequest& request, Changes& changes) {
  if (request.range_end().empty()) {
    changes.AddDeletedKey(request.key());
  } else {
    changes.AddDeletedRange(request.key(), request.range_end());
  }
}

Result<Changes> Collect(const Operations& operations);

Result<void> AddNested(const pb::TxnRequest& txn, Changes& changes) {
  KUBASE_ASSIGN_OR_RETURN(const Changes success, Collect(txn.success()));
  KUBASE_ASSIGN_OR_RETURN(const Changes failure, Collect(txn.failure()));
  if (!changes.AddPuts(success.put_keys(), {})) return Duplicate();
  if (!changes.AddPuts(failure.put_keys(), success.put_keys())) return Duplicate();
  changes.AddDeletesOf(success);
  changes.AddDeletesOf(failure);
  return Ok();
}

// The order is etcd's (v3rpc/key.go, checkIntervals) and decides what is refused: the deletes of a
// level, then its nested transactions one by one, then its puts. So the deletes of a nested
// transaction do not collide with the puts of an earlier one.
Result<Changes> Collect(const Operations& operations) {
  Changes changes;
  for (const pb::RequestOp& operation : operations) {
    if (operation.has_request_delete_range()) AddDelete(operation.request_delete_range(), changes);
  }
  for (const pb::RequestOp& operation : operations) {
    if (operation.has_request_txn()) KUBASE_TRY(AddNested(operation.request_txn(), changes));
  }
  for (const pb::RequestOp& operation : operations) {
    if (!operation.has_request_put()) continue;
    if (!changes.AddPuts({operation.request_put().key()}, {})) return Duplicate();
  }
  return changes;
}

}  // namespace

Result<void> CheckOverlaps(const pb::TxnRequest& request) {
  KUBASE_TRY(Collect(request.success()));
  KUBASE_TRY(Collect(request.failure()));
  return Ok();
}

}  // namespace kubase::wire
