// Decide the path, check it, run it.
#include "shim/store/txn.h"

#include <algorithm>
#include <utility>

#include "shim/base/failpoint.h"

namespace kubase::store {
namespace {

// One transaction with its comparisons decided: the operations of the chosen branch, and for each
// nested transaction among them, in order, its own path.
struct Path {
  bool succeeded = false;
  std::vector<Path> nested;
};

std::vector<Operation>& Branch(TxnRequest& request, const Path& path) {
  return path.succeeded ? request.success : request.failure;
}

bool Holds(Compare::Relation relation, int order) {
  switch (relation) {
    case Compare::Relation::kEqual:
      return order == 0;
    case Compare::Relation::kNotEqual:
      return order != 0;
    case Compare::Relation::kGreater:
      return order > 0;
    case Compare::Relation::kLess:
      return order < 0;
  }
  return true;
}

int64_t TargetNumber(Compare::Target target, const KeyValue& kv) {
  switch (target) {
    case Compare::Target::kVersion:
      return kv.version;
    case Compare::Target::kCreate:
      return kv.create_revision;
    case Compare::Target::kMod:
      return kv.mod_revision;
    case Compare::Target::kLease:
      return kv.lease;
    case Compare::Target::kValue:
      break;
  }
  return 0;
}

bool PairHolds(const Compare& compare, const KeyValue& kv) {
  if (compare.target == Compare::Target::kValue) {
    return Holds(compare.relation, kv.value.compare(compare.value));
  }
  const int64_t number = TargetNumber(compare.target, kv);
  return Holds(compare.relation, number < compare.number ? -1 : number > compare.number ? 1 : 0);
}

// A missing key has zero numbers, and no value that could be compared.
Result<bool> CompareHolds(WriteBatch& batch, const Compare& compare) {
  KUBASE_ASSIGN_OR_RETURN(const std::vector<KeyValuePtr> pairs, batch.List(compare.range));
  if (pairs.empty()) {
    return compare.target != Compare::Target::kValue && PairHolds(compare, KeyValue{});
  }
  return std::all_of(pairs.begin(), pairs.end(),
                     [&](const KeyValuePtr& kv) { return PairHolds(compare, *kv); });
}

Result<Path> DecidePath(WriteBatch& batch, TxnRequest& request) {
  Path path{.succeeded = true};
  for (const Compare& compare : request.compares) {
    KUBASE_ASSIGN_OR_RETURN(path.succeeded, CompareHolds(batch, compare));
    if (!path.succeeded) break;
  }
  for (Operation& operation : Branch(request, path)) {
    if (auto* nested = std::get_if<TxnRequest>(&operation.request); nested != nullptr) {
      KUBASE_ASSIGN_OR_RETURN(Path nested_path, DecidePath(batch, *nested));
      path.nested.push_back(std::move(nested_path));
    }
  }
  return path;
}

// What the operations before a put delete: only a range does so to the key of a put, as each key is
// named once.
using Deleted = std::vector<const KeyRange*>;

Result<void> CheckPut(WriteBatch& batch, const PutRequest& request, const Deleted& deleted) {
  if (request.lease != 0 && !batch.LeaseExists(request.lease)) {
    return Error{ErrorCode::kLeaseNotFound, "the lease of the put does not exist"};
  }
  if (!request.ignore_value && !request.ignore_lease) return Ok();
  const bool gone = std::any_of(deleted.begin(), deleted.end(), [&](const KeyRange* range) {
    return range->Contains(request.key);
  });
  KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr pair, batch.Get(request.key));
  if (pair != nullptr && !gone) return Ok();
  return Error{ErrorCode::kKeyNotFound, "nothing to keep: the key does not exist"};
}

Result<void> CheckPath(WriteBatch& batch, TxnRequest& request, const Path& path, Deleted& deleted) {
  size_t nested_index = 0;
  for (Operation& operation : Branch(request, path)) {
    if (const auto* range = std::get_if<RangeRequest>(&operation.request); range != nullptr) {
      // Unlike in a range request of its own, a negative revision counts as compacted here, but for
      // -1 as long as nothing was compacted (etcdserver/txn, checkRange).
      if (range->revision < 0 && range->revision < batch.meta().compact_revision) {
        return Error{ErrorCode::kCompacted, "a transaction cannot read a negative revision"};
      }
      KUBASE_TRY(CheckReadable(range->revision, batch.meta()));
    } else if (const auto* put = std::get_if<PutRequest>(&operation.request); put != nullptr) {
      KUBASE_TRY(CheckPut(batch, *put, deleted));
    } else if (const auto* deletion = std::get_if<DeleteRangeRequest>(&operation.request);
               deletion != nullptr) {
      deleted.push_back(&deletion->range);
    } else if (auto* nested = std::get_if<TxnRequest>(&operation.request); nested != nullptr) {
      KUBASE_TRY(CheckPath(batch, *nested, path.nested[nested_index++], deleted));
    }
  }
  return Ok();
}

// What the storage collects itself, the collector of kube-controller-manager must leave alone: it
// does not see all of it.
Result<void> CheckCollector(WriteBatch& batch, TxnRequest& request, const Path& path) {
  for (const Operation& operation : Branch(request, path)) {
    const auto* const put = std::get_if<PutRequest>(&operation.request);
    const auto* const deletion = std::get_if<DeleteRangeRequest>(&operation.request);
    if (put == nullptr && (deletion == nullptr || !deletion->range.IsSingle())) continue;
    KUBASE_ASSIGN_OR_RETURN(const bool taken,
                            batch.TakeOver(put != nullptr ? put->key : deletion->range.key,
                                           put != nullptr ? &put->value : nullptr));
    if (taken) return Error{ErrorCode::kCollectedByStorage, "the storage collects this object"};
  }
  return Ok();
}

// The put of a transaction that creates one key if it does not exist, as kube-apiserver does (etcd3
// store, Create), and else at most reads; null: it is another one.
const PutRequest* CreationIn(const TxnRequest& request) {
  if (request.compares.size() != 1 || request.success.size() != 1) return nullptr;
  if (request.by_garbage_collector) return nullptr;
  const Compare& compare = request.compares[0];
  const bool is_absent =
      compare.relation == Compare::Relation::kEqual && compare.number == 0 &&
      (compare.target == Compare::Target::kMod || compare.target == Compare::Target::kCreate ||
       compare.target == Compare::Target::kVersion);
  const bool else_reads = std::ranges::all_of(request.failure, [](const Operation& operation) {
    return std::holds_alternative<RangeRequest>(operation.request);
  });
  const auto* const put = std::get_if<PutRequest>(&request.success[0].request);
  if (!is_absent || !else_reads || put == nullptr) return nullptr;
  if (put->ignore_value || put->ignore_lease) return nullptr;
  return compare.range.IsSingle() && compare.range.key == put->key ? put : nullptr;
}

// It writes what is pending, and asks the database itself.
void AddReads(const RangeRequest&, std::vector<std::string_view>&) {}

void AddReads(const PutRequest& request, std::vector<std::string_view>& keys) {
  keys.push_back(request.key);
}

void AddReads(const DeleteRangeRequest& request, std::vector<std::string_view>& keys) {
  if (request.range.IsSingle()) keys.push_back(request.range.key);
}

void AddReads(const TxnRequest& request, std::vector<std::string_view>& keys) {
  for (const Compare& compare : request.compares) {
    if (compare.range.IsSingle()) keys.push_back(compare.range.key);
  }
  for (const std::vector<Operation>* const branch : {&request.success, &request.failure}) {
    for (const Operation& operation : *branch) {
      std::visit([&](const auto& one) { AddReads(one, keys); }, operation.request);
    }
  }
}

Result<PutResponse> RunPut(WriteBatch& batch, PutRequest request) {
  KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr previous, batch.Get(request.key));
  batch.Put(previous, std::move(request.key),
            request.ignore_value ? previous->value : std::move(request.value),
            request.ignore_lease ? previous->lease : request.lease);
  return PutResponse{.revision = batch.VisibleRevision(),
                     .prev_kv = request.prev_kv ? previous : nullptr};
}

Result<DeleteRangeResponse> RunDeleteRange(WriteBatch& batch, const DeleteRangeRequest& request) {
  KUBASE_ASSIGN_OR_RETURN(std::vector<KeyValuePtr> pairs, batch.List(request.range));
  for (const KeyValuePtr& pair : pairs) batch.Delete(pair);
  DeleteRangeResponse response{.revision = batch.VisibleRevision(),
                               .deleted = static_cast<int64_t>(pairs.size())};
  if (request.prev_kv) response.prev_kvs = std::move(pairs);
  return response;
}

Result<TxnResponse> RunPath(WriteBatch& batch, TxnRequest& request, const Path& path);

Result<OperationResponse> RunOperation(WriteBatch& batch, Operation& operation, const Path& path,
                                       size_t& nested_index) {
  if (auto* range = std::get_if<RangeRequest>(&operation.request); range != nullptr) {
    KUBASE_ASSIGN_OR_RETURN(RangeResponse response, batch.Range(*range));
    return OperationResponse{std::move(response)};
  }
  if (auto* put = std::get_if<PutRequest>(&operation.request); put != nullptr) {
    KUBASE_ASSIGN_OR_RETURN(PutResponse response, RunPut(batch, std::move(*put)));
    return OperationResponse{std::move(response)};
  }
  if (auto* deletion = std::get_if<DeleteRangeRequest>(&operation.request); deletion != nullptr) {
    KUBASE_ASSIGN_OR_RETURN(DeleteRangeResponse response, RunDeleteRange(batch, *deletion));
    return OperationResponse{std::move(response)};
  }
  auto& nested = std::get<TxnRequest>(operation.request);
  KUBASE_ASSIGN_OR_RETURN(TxnResponse response,
                          RunPath(batch, nested, path.nested[nested_index++]));
  response.revision = 0;  // etcd leaves the header of a nested transaction empty
  return OperationResponse{std::move(response)};
}

Result<TxnResponse> RunPath(WriteBatch& batch, TxnRequest& request, const Path& path) {
  TxnResponse response{.succeeded = path.succeeded};
  size_t nested_index = 0;
  for (Operation& operation : Branch(request, path)) {
    KUBASE_ASSIGN_OR_RETURN(OperationResponse answer,
                            RunOperation(batch, operation, path, nested_index));
    response.responses.push_back(std::move(answer));
  }
  response.revision = batch.VisibleRevision();
  return response;
}

}  // namespace

Result<PutResponse> ApplyPut(WriteBatch& batch, PutRequest request) {
  KUBASE_TRY(CheckPut(batch, request, {}));
  Result<PutResponse> response = RunPut(batch, std::move(request));
  batch.EndTransaction();
  return response;
}

Result<DeleteRangeResponse> ApplyDeleteRange(WriteBatch& batch, DeleteRangeRequest request) {
  Result<DeleteRangeResponse> response = RunDeleteRange(batch, request);
  batch.EndTransaction();
  return response;
}

Result<TxnResponse> ApplyTxn(WriteBatch& batch, TxnRequest request) {
  KUBASE_ASSIGN_OR_RETURN(const Path path, DecidePath(batch, request));
  Deleted deleted;
  KUBASE_TRY(CheckPath(batch, request, path, deleted));
  if (request.by_garbage_collector) KUBASE_TRY(CheckCollector(batch, request, path));
  Result<TxnResponse> response = RunPath(batch, request, path);
  batch.EndTransaction();
  return response;
}

Result<Revision> ApplyLeaseRevoke(WriteBatch& batch, LeaseId lease) {
  if (!batch.LeaseExists(lease)) {
    return Error{ErrorCode::kLeaseNotFound, "the lease does not exist"};
  }
  KUBASE_ASSIGN_OR_RETURN(const std::vector<std::string> keys, batch.LeaseKeys(lease));
  KUBASE_TRY(batch.Prefetch({keys.begin(), keys.end()}));
  for (const std::string& key : keys) {
    KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr pair, batch.Get(key));
    // A database that went back in time has keys that memory knows are gone: this will not commit.
    if (pair != nullptr) batch.Delete(pair);
  }
  batch.RevokeLease(lease);
  Reach(Failpoint::kLeaseApplied);
  batch.EndTransaction();
  return batch.meta().revision;
}

void AddPointReads(const PutRequest& request, NamedKeys& keys) {
  AddReads(request, keys.read);
}

void AddPointReads(const DeleteRangeRequest& request, NamedKeys& keys) {
  AddReads(request, keys.read);
}

void AddPointReads(const TxnRequest& request, NamedKeys& keys) {
  if (const PutRequest* const creation = CreationIn(request); creation != nullptr) {
    keys.created.push_back(creation->key);
  } else {
    AddReads(request, keys.read);
  }
}

size_t LongestPutKey(const PutRequest& request) {
  return request.key.size();
}

size_t LongestPutKey(const TxnRequest& request) {
  size_t longest = 0;
  for (const std::vector<Operation>* const branch : {&request.success, &request.failure}) {
    for (const Operation& operation : *branch) {
      const auto* const put = std::get_if<PutRequest>(&operation.request);
      const auto* const nested = std::get_if<TxnRequest>(&operation.request);
      if (put != nullptr) longest = std::max(longest, LongestPutKey(*put));
      if (nested != nullptr) longest = std::max(longest, LongestPutKey(*nested));
    }
  }
  return longest;
}

}  // namespace kubase::store
