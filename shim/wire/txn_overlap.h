// The rule that one path of a transaction changes each key once.
#pragma once

#include "shim/base/result.h"
#include "shim/wire/rpc.pb.h"

namespace kubase::wire {

// kDuplicateKey when a key is put twice, or put and deleted, on one path of the transaction; the
// two branches of one (nested) transaction exclude each other and may repeat keys. Deletes may
// overlap. The rule is etcd's to the letter (v3rpc/key.go, checkIntervals), with what it lets
// through: a delete whose range_end is "\0", and one in a nested transaction after a put in an
// earlier one.
//
// Cost: each level looks up its keys once per nested transaction; no pair of keys is ever compared.
Result<void> CheckOverlaps(const etcdserverpb::TxnRequest& request);

}  // namespace kubase::wire
