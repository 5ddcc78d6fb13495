// The rules of etcd's transactions over a WriteBatch (etcd server/etcdserver/txn).
//
// All comparisons, also those of nested transactions, and all checks see the state before the
// transaction; only then the operations run in order, each seeing the ones before it. So a request
// that fails has changed nothing. Each function ends its transaction (WriteBatch::EndTransaction).
#pragma once

#include <string_view>
#include <vector>

#include "shim/base/result.h"
#include "shim/store/types.h"
#include "shim/store/write_batch.h"

namespace kubase::store {

// Errors: kLeaseNotFound, kKeyNotFound. Of all: those of the database, with batch.failed() true.
Result<PutResponse> ApplyPut(WriteBatch& batch, PutRequest request);
Result<DeleteRangeResponse> ApplyDeleteRange(WriteBatch& batch, DeleteRangeRequest request);
// The caller has checked the number of operations and that no key is put twice on one path or
// inside a deleted range. Errors: those of ApplyPut, kCompacted, kFutureRevision,
// kCollectedByStorage.
Result<TxnResponse> ApplyTxn(WriteBatch& batch, TxnRequest request);
// Deletes the lease and its keys in one revision; answers the revision after. Errors:
// kLeaseNotFound.
Result<Revision> ApplyLeaseRevoke(WriteBatch& batch, LeaseId lease);

// Of the longest key that a request may put.
size_t LongestPutKey(const PutRequest& request);
size_t LongestPutKey(const TxnRequest& request);

// Adds the single keys that a request names; views of it.
void AddPointReads(const PutRequest& request, NamedKeys& keys);
void AddPointReads(const DeleteRangeRequest& request, NamedKeys& keys);
void AddPointReads(const TxnRequest& request, NamedKeys& keys);

}  // namespace kubase::store
