// The answers to ranges on the wire, written straight from the store's pairs.
//
// A message of protobuf in between would copy every pair twice and cost an object for each.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <vector>

#include "shim/base/result.h"
#include "shim/store/types.h"
#include "shim/wire/convert.h"
#include "shim/wire/rpc.pb.h"

namespace kubase::wire {

using Pairs = std::vector<store::KeyValuePtr>;

// All but the pairs of an answer, or of the last chunk of one.
template <typename Range>
void FillRest(const Identity& identity, const Range& range, etcdserverpb::RangeResponse* to) {
  FillHeader(identity, range.revision, to->mutable_header());
  to->set_more(range.more);
  to->set_count(range.count);
}

// Replaces `bytes` with `rest`, which must have no pairs, and `kvs` as its pairs. Errors:
// MessageTooLarge.
Result<void> EncodeRange(const etcdserverpb::RangeResponse& rest, const Pairs& kvs,
                         grpc::ByteBuffer* bytes);
// The same as the range_response of a RangeStreamResponse.
Result<void> EncodeRangeStream(const etcdserverpb::RangeResponse& rest, const Pairs& kvs,
                               grpc::ByteBuffer* bytes);

}  // namespace kubase::wire
