// Fields may come in any order, so protobuf writes what is not a pair, and the pairs follow. They
// are cut into slices of whole pairs: memory of that size is used again and is freed while it is
// sent.
#include "shim/wire/range_encoding.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "shim/wire/message_bytes.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;
using google::protobuf::io::CodedOutputStream;
using Wire = google::protobuf::internal::WireFormatLite;

constexpr size_t kSliceBytes = size_t{1} << 20;
constexpr size_t kMessageBytesMax = std::numeric_limits<int32_t>::max();
constexpr size_t kTagBytes = 1;  // of every field here: their numbers are below 16
constexpr size_t kStartBytesMax = kTagBytes + 10;

// A field that is 0 or empty is left out, as proto3 wants it.
size_t NumberBytes(int64_t value) {
  return value == 0 ? 0 : kTagBytes + Wire::Int64Size(value);
}
size_t StringBytes(const std::string& value) {
  return value.empty() ? 0 : kTagBytes + Wire::BytesSize(value);
}
uint8_t* WriteNumber(int field, int64_t value, uint8_t* at) {
  return value == 0 ? at : Wire::WriteInt64ToArray(field, value, at);
}
uint8_t* WriteString(int field, const std::string& value, uint8_t* at) {
  return value.empty() ? at : Wire::WriteBytesToArray(field, value, at);
}

// The start of a field that is a message of `bytes`.
size_t StartBytes(size_t bytes) {
  return kTagBytes + CodedOutputStream::VarintSize64(bytes);
}
uint8_t* WriteStart(int field, size_t bytes, uint8_t* at) {
  at = Wire::WriteTagToArray(field, Wire::WIRETYPE_LENGTH_DELIMITED, at);
  return CodedOutputStream::WriteVarint64ToArray(bytes, at);
}

size_t PairBytes(const store::KeyValue& pair) {
  return StringBytes(pair.key) + NumberBytes(pair.create_revision) +
         NumberBytes(pair.mod_revision) + NumberBytes(pair.version) + StringBytes(pair.value) +
         NumberBytes(pair.lease);
}

// With its start.
size_t FieldBytes(const store::KeyValue& pair) {
  const size_t bytes = PairBytes(pair);
  return StartBytes(bytes) + bytes;
}

uint8_t* WriteField(const store::KeyValue& pair, uint8_t* at) {
  at = WriteStart(pb::RangeResponse::kKvsFieldNumber, PairBytes(pair), at);
  at = WriteString(pb::KeyValue::kKeyFieldNumber, pair.key, at);
  at = WriteNumber(pb::KeyValue::kCreateRevisionFieldNumber, pair.create_revision, at);
  at = WriteNumber(pb::KeyValue::kModRevisionFieldNumber, pair.mod_revision, at);
  at = WriteNumber(pb::KeyValue::kVersionFieldNumber, pair.version, at);
  at = WriteString(pb::KeyValue::kValueFieldNumber, pair.value, at);
  return WriteNumber(pb::KeyValue::kLeaseFieldNumber, pair.lease, at);
}

// Where the slice ends that starts with the pair `first` and has `room` for pairs: behind one at
// least, so that a larger pair gets a slice of its own.
struct Cut {
  size_t end;
  size_t bytes;
};
Cut CutAfter(const Pairs& pairs, size_t first, size_t room) {
  Cut cut{.end = first, .bytes = 0};
  for (; cut.end < pairs.size(); ++cut.end) {
    const size_t bytes = FieldBytes(*pairs[cut.end]);
    if (cut.end > first && cut.bytes + bytes > room) break;
    cut.bytes += bytes;
  }
  return cut;
}

// Answers where to write.
uint8_t* AddSlice(size_t bytes, std::vector<grpc::Slice>* slices) {
  slices->emplace_back(bytes);
  return const_cast<uint8_t*>(slices->back().begin());  // nobody else has it yet
}

size_t MessageBytes(const pb::RangeResponse& rest, const Pairs& pairs) {
  size_t bytes = rest.ByteSizeLong();
  for (const store::KeyValuePtr& pair : pairs) bytes += FieldBytes(*pair);
  return bytes;
}

// `head`, then `rest`, whose size must have been computed, then the pairs.
grpc::ByteBuffer Encode(std::span<const uint8_t> head, const pb::RangeResponse& rest,
                        const Pairs& pairs) {
  std::vector<grpc::Slice> slices;
  const size_t before = head.size() + static_cast<size_t>(rest.GetCachedSize());
  Cut cut = CutAfter(pairs, 0, kSliceBytes - before);
  uint8_t* at = AddSlice(before + cut.bytes, &slices);
  at = rest.SerializeWithCachedSizesToArray(std::copy(head.begin(), head.end(), at));
  for (size_t next = 0;;) {
    for (; next < cut.end; ++next) at = WriteField(*pairs[next], at);
    if (next == pairs.size()) return grpc::ByteBuffer(slices.data(), slices.size());
    cut = CutAfter(pairs, next, kSliceBytes);
    at = AddSlice(cut.bytes, &slices);
  }
}

}  // namespace

Result<void> EncodeRange(const pb::RangeResponse& rest, const Pairs& kvs, grpc::ByteBuffer* bytes) {
  if (MessageBytes(rest, kvs) > kMessageBytesMax) return MessageTooLarge();
  Encode({}, rest, kvs).Swap(bytes);
  return Ok();
}

Result<void> EncodeRangeStream(const pb::RangeResponse& rest, const Pairs& kvs,
                               grpc::ByteBuffer* bytes) {
  const size_t range_bytes = MessageBytes(rest, kvs);
  std::array<uint8_t, kStartBytesMax> head;
  const uint8_t* end =
      WriteStart(pb::RangeStreamResponse::kRangeResponseFieldNumber, range_bytes, head.data());
  const size_t head_bytes = end - head.data();
  if (head_bytes + range_bytes > kMessageBytesMax) return MessageTooLarge();
  Encode({head.data(), head_bytes}, rest, kvs).Swap(bytes);
  return Ok();
}

}  // namespace kubase::wire
