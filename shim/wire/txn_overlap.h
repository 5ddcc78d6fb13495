// The rule that one path of a transaction changes each key once.
#pragma once

#include "shim/base/result.h"
#include "shim/wire/rpc.pb.h"

namespace kubase::wire {

// kDuplicateKey when a key is put twice, or put and deleted, on one path of the transaction; the
// two branches of one (nested) transaction exclude each other and may repeat keys. Deletes may
// overlap.
//
// etcd's rule, with two gaps of etcd closed, because a store that keeps one row per key and
// revision could not keep their outcome: a range_end of "\0" counts as unbounded, and a put
// followed by a delete of the key in a later nested transaction is refused as well.
//
// Cost: each level looks up its keys once per nested transaction; no pair of keys is ever compared.
Result<void> CheckOverlaps(const etcdserverpb::TxnRequest& request);

}  // namespace kubase::wire
