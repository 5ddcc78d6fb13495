// Collects the keys that each path changes, from the leaves up.
#include "shim/wire/txn_overlap.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

using Key = std::string_view;    // into the request, which outlives the check
using End = std::optional<Key>;  // exclusive; none: unbounded

bool EndsBefore(const End& end, Key key) {
  return end.has_value() && *end < key;
}
const End& LaterEnd(const End& a, const End& b) {
  if (!a.has_value() || !b.has_value()) return a.has_value() ? b : a;
  return *a < *b ? b : a;
}

// What one path changes.
class Changes {
 public:
  // False: the path changes the key already.
  bool AddPut(Key key) { return !Deletes(key) && puts_.insert(key).second; }

  // False: the path puts a key in [begin, end) already.
  bool AddDeletedRange(Key begin, End end) {
    if (end.has_value() && *end <= begin) return true;  // empty
    auto put = puts_.lower_bound(begin);
    if (put != puts_.end() && (!end.has_value() || *put < *end)) return false;
    MergeRange(begin, end);
    return true;
  }
  bool AddDeletedKey(Key key) {
    if (puts_.contains(key)) return false;
    deleted_keys_.insert(key);
    return true;
  }

  // False: `next`, which runs on the same path, changes one of these keys too.
  bool Excludes(const Changes& next) const {
    for (Key key : next.puts_) {
      if (puts_.contains(key) || Deletes(key)) return false;
    }
    if (next.deleted_keys_.empty() && next.deleted_ranges_.empty()) return true;
    return std::none_of(puts_.begin(), puts_.end(), [&](Key key) { return next.Deletes(key); });
  }

  void Absorb(Changes&& other) {
    puts_.merge(other.puts_);
    deleted_keys_.merge(other.deleted_keys_);
    for (const auto& [begin, end] : other.deleted_ranges_) MergeRange(begin, end);
  }

 private:
  bool Deletes(Key key) const {
    if (deleted_keys_.contains(key)) return true;
    auto after = deleted_ranges_.upper_bound(key);
    if (after == deleted_ranges_.begin()) return false;
    const End& end = std::prev(after)->second;
    return !end.has_value() || key < *end;
  }

  // Keeps the ranges disjoint, so that one search answers Deletes.
  void MergeRange(Key begin, End end) {
    auto next = deleted_ranges_.upper_bound(begin);
    if (next != deleted_ranges_.begin() && !EndsBefore(std::prev(next)->second, begin)) --next;
    while (next != deleted_ranges_.end() && !EndsBefore(end, next->first)) {
      begin = std::min(begin, next->first);
      end = LaterEnd(end, next->second);
      next = deleted_ranges_.erase(next);
    }
    deleted_ranges_.emplace(begin, end);
  }

  std::set<Key> puts_;
  std::set<Key> deleted_keys_;
  std::map<Key, End> deleted_ranges_;
};

using Operations = google::protobuf::RepeatedPtrField<pb::RequestOp>;

Error Duplicate() {
  return {ErrorCode::kDuplicateKey, "a transaction changes one key twice"};
}

Result<void> AddDelete(const pb::DeleteRangeRequest& request, Changes& changes) {
  bool added = false;
  if (request.range_end().empty()) {
    added = changes.AddDeletedKey(request.key());
  } else if (request.range_end() == std::string_view("\0", 1)) {
    added = changes.AddDeletedRange(request.key(), std::nullopt);
  } else {
    added = changes.AddDeletedRange(request.key(), request.range_end());
  }
  return added ? Ok() : Duplicate();
}

Result<Changes> Collect(const Operations& operations);

Result<void> AddNested(const pb::TxnRequest& txn, Changes& changes) {
  KUBASE_ASSIGN_OR_RETURN(Changes success, Collect(txn.success()));
  KUBASE_ASSIGN_OR_RETURN(Changes failure, Collect(txn.failure()));
  if (!changes.Excludes(success) || !changes.Excludes(failure)) return Duplicate();
  changes.Absorb(std::move(success));
  changes.Absorb(std::move(failure));
  return Ok();
}

Result<Changes> Collect(const Operations& operations) {
  Changes changes;
  for (const pb::RequestOp& operation : operations) {
    if (operation.has_request_put()) {
      if (!changes.AddPut(operation.request_put().key())) return Duplicate();
    } else if (operation.has_request_delete_range()) {
      KUBASE_TRY(AddDelete(operation.request_delete_range(), changes));
    } else if (operation.has_request_txn()) {
      KUBASE_TRY(AddNested(operation.request_txn(), changes));
    }
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
