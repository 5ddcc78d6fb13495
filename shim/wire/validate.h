// The checks that etcd makes in its gRPC layer (server/etcdserver/api/v3rpc/key.go), in its order
// and with its errors. Checks that need the store's state (revisions, leases, existing keys) are
// the store's.
#pragma once

#include "shim/base/result.h"
#include "shim/wire/rpc.pb.h"

namespace kubase::wire {

// Errors: kEmptyKey, kInvalidSortOption.
Result<void> CheckRange(const etcdserverpb::RangeRequest& request);

// As CheckRange, and kUnsupported for what cannot be streamed in key order; clients then fall back
// to Range.
Result<void> CheckRangeStream(const etcdserverpb::RangeRequest& request);

// Errors: kEmptyKey, kValueProvided, kLeaseProvided, kRequestTooLarge.
Result<void> CheckPut(const etcdserverpb::PutRequest& request);

// Errors: kEmptyKey, kRequestTooLarge.
Result<void> CheckDeleteRange(const etcdserverpb::DeleteRangeRequest& request);

// Operations, keys, then overlaps, then size. Errors: those of the operations, kTooManyOperations,
// kKeyNotFound (an empty operation), kDuplicateKey, kInvalidArgument (an unknown comparison),
// kRequestTooLarge.
Result<void> CheckTxn(const etcdserverpb::TxnRequest& request);

}  // namespace kubase::wire
