// Exact conversions between the messages of rpc.proto and the values of the store.
//
// Requests must have passed validate.h. Strings move out of requests; pairs are copied into answers
// once, since the store shares them. Headers: FillHeader; the answers to the parts of a transaction
// carry a header with the revision alone, as etcd's do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shim/store/types.h"
#include "shim/store/watch.h"
#include "shim/wire/rpc.pb.h"

namespace kubase::wire {

// What every header says besides the revision.
struct Identity {
  uint64_t cluster_id = 0;
  uint64_t member_id = 0;
};

// There is no raft; clients only ask that the term is not 0.
inline constexpr uint64_t kRaftTerm = 2;

void FillHeader(const Identity& identity, store::Revision revision,
                etcdserverpb::ResponseHeader* header);

store::RangeRequest ToStore(etcdserverpb::RangeRequest&& request);
store::PutRequest ToStore(etcdserverpb::PutRequest&& request);
store::DeleteRangeRequest ToStore(etcdserverpb::DeleteRangeRequest&& request);
store::TxnRequest ToStore(etcdserverpb::TxnRequest&& request);
// The key must not be empty.
store::WatchRequest ToStore(etcdserverpb::WatchCreateRequest&& request);

void FillKeyValue(const store::KeyValue& from, etcdserverpb::KeyValue* to);
void FillEvent(const store::Event& from, bool with_prev, etcdserverpb::Event* to);

// These fill all but the header.
void Fill(const store::RangeResponse& from, etcdserverpb::RangeResponse* to);
void Fill(const store::PutResponse& from, etcdserverpb::PutResponse* to);
void Fill(const store::DeleteRangeResponse& from, etcdserverpb::DeleteRangeResponse* to);
void Fill(const store::TxnResponse& from, etcdserverpb::TxnResponse* to);

}  // namespace kubase::wire
