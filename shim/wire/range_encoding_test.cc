#include "shim/wire/range_encoding.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <string>

#include "shim/wire/convert.h"
#include "shim/wire/message_bytes.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

pb::RangeResponse Rest() {
  pb::RangeResponse rest;
  FillHeader({.cluster_id = 11, .member_id = 22}, 42, rest.mutable_header());
  rest.set_more(true);
  rest.set_count(9);
  return rest;
}

store::KeyValuePtr Pair(store::KeyValue pair) {
  return std::make_shared<const store::KeyValue>(std::move(pair));
}

// Both encodings must say what protobuf makes of the same message, byte for byte when it writes
// what it parsed, and have its size.
void CheckEncodings(const pb::RangeResponse& rest, const Pairs& kvs) {
  pb::RangeResponse expected = rest;
  for (const store::KeyValuePtr& pair : kvs) FillKeyValue(*pair, expected.add_kvs());
  grpc::ByteBuffer bytes;
  REQUIRE(EncodeRange(rest, kvs, &bytes).ok());
  CHECK(bytes.Length() == expected.ByteSizeLong());
  pb::RangeResponse range;
  REQUIRE(Parse(&bytes, &range));
  CHECK(range.SerializeAsString() == expected.SerializeAsString());

  pb::RangeStreamResponse expected_part;
  *expected_part.mutable_range_response() = expected;
  REQUIRE(EncodeRangeStream(rest, kvs, &bytes).ok());
  CHECK(bytes.Length() == expected_part.ByteSizeLong());
  pb::RangeStreamResponse part;
  REQUIRE(Parse(&bytes, &part));
  CHECK(part.SerializeAsString() == expected_part.SerializeAsString());
}

TEST_CASE("RangeEncoding: every field of a pair arrives") {
  CheckEncodings(Rest(), {Pair({.key = std::string("k\0\xff", 3),
                                .value = "value",
                                .create_revision = 1,
                                .mod_revision = 128,
                                .version = 3,
                                .lease = 1 << 20})});
}

TEST_CASE("RangeEncoding: numbers of every length arrive, negative ones too") {
  Pairs kvs;
  for (int bit = 0; bit < 64; ++bit) {
    const uint64_t number = uint64_t{1} << bit;
    kvs.push_back(Pair({.key = "k",
                        .create_revision = static_cast<int64_t>(number - 1),
                        .mod_revision = static_cast<int64_t>(number),
                        .version = static_cast<int64_t>(~number),
                        .lease = static_cast<int64_t>(~number + 1)}));
  }
  CheckEncodings(Rest(), kvs);
}

TEST_CASE("RangeEncoding: fields of zero are left out") {
  CheckEncodings(Rest(), {Pair({}), Pair({.key = "k"}), Pair({.value = "v"})});
  grpc::ByteBuffer bytes;
  REQUIRE(EncodeRange({}, {Pair({})}, &bytes).ok());
  CHECK(bytes.Length() == 2);  // the start of the pair
}

TEST_CASE("RangeEncoding: an answer without pairs, and one with nothing at all") {
  CheckEncodings(Rest(), {});
  CheckEncodings({}, {});
}

TEST_CASE("RangeEncoding: values of every size, alone and together") {
  Pairs kvs;
  for (const size_t size : {1, 15, 16, 17, 127, 128, 16383, 16384, 1 << 20, (1 << 20) + 1, 5 << 20,
                            3, 700'000, 700'000, 1}) {
    kvs.push_back(Pair({.key = "k" + std::to_string(size),
                        .value = std::string(size, 'v'),
                        .create_revision = 7,
                        .mod_revision = 8,
                        .version = 1}));
    CheckEncodings(Rest(), {kvs.back()});
  }
  CheckEncodings(Rest(), kvs);
}

TEST_CASE("RangeEncoding: a long answer is cut into slices of about a megabyte") {
  const Pairs kvs(3000, Pair({.key = "k", .value = std::string(1000, 'v'), .mod_revision = 8}));
  grpc::ByteBuffer bytes;
  REQUIRE(EncodeRange(Rest(), kvs, &bytes).ok());
  std::vector<grpc::Slice> slices;
  REQUIRE(bytes.Dump(&slices).ok());
  CHECK(slices.size() == 3);
  for (const grpc::Slice& slice : slices) CHECK(slice.size() <= 1 << 20);
  CheckEncodings(Rest(), kvs);
}

TEST_CASE("RangeEncoding: what exceeds 2 GB is refused before it takes memory") {
  const Pairs kvs(2048, Pair({.key = "k", .value = std::string(1 << 20, 'v')}));
  grpc::ByteBuffer bytes;
  CHECK(EncodeRange(Rest(), kvs, &bytes).error().code == ErrorCode::kAnswerTooLarge);
  CHECK(EncodeRangeStream(Rest(), kvs, &bytes).error().code == ErrorCode::kAnswerTooLarge);
  CHECK_FALSE(bytes.Valid());
}

}  // namespace
}  // namespace kubase::wire
