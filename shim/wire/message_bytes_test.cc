#include "shim/wire/message_bytes.h"

#include <catch2/catch.hpp>
#include <string>

#include "shim/wire/rpc.pb.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

grpc::ByteBuffer BytesOf(const std::string& text, size_t slice_bytes) {
  std::vector<grpc::Slice> slices;
  for (size_t at = 0; at < text.size(); at += slice_bytes) {
    slices.emplace_back(text.substr(at, slice_bytes));
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

TEST_CASE("MessageBytes: what was serialized is parsed, in one slice or in many") {
  pb::PutRequest from;
  from.set_key(std::string("\0\xff", 2));
  from.set_value(std::string(5000, 'v'));
  grpc::ByteBuffer bytes;
  REQUIRE(Serialize(from, &bytes).ok());
  CHECK(bytes.Length() == from.ByteSizeLong());
  pb::PutRequest to;
  REQUIRE(Parse(&bytes, &to));
  CHECK(to.SerializeAsString() == from.SerializeAsString());
  CHECK_FALSE(bytes.Valid());
  bytes = BytesOf(from.SerializeAsString(), 7);
  to.Clear();
  REQUIRE(Parse(&bytes, &to));
  CHECK(to.SerializeAsString() == from.SerializeAsString());
}

TEST_CASE("MessageBytes: an empty message has bytes, and replaces what was there") {
  grpc::ByteBuffer bytes = BytesOf("old", 3);
  REQUIRE(Serialize(pb::PutRequest(), &bytes).ok());
  CHECK(bytes.Valid());
  CHECK(bytes.Length() == 0);
  pb::PutRequest to;
  CHECK(Parse(&bytes, &to));
}

TEST_CASE("MessageBytes: no bytes, broken bytes and strings that are not UTF-8 are refused") {
  pb::AuthUserAddRequest to;
  grpc::ByteBuffer none;
  CHECK_FALSE(Parse(&none, &to));
  for (const std::string text : {"\x0a\xff",
                                 "\x0a\x05"
                                 "abc",
                                 "\x07", "\x0a\x02\xff\xfe"}) {
    grpc::ByteBuffer bytes = BytesOf(text, 100);
    CHECK_FALSE(Parse(&bytes, &to));
    CHECK_FALSE(bytes.Valid());
  }
}

}  // namespace
}  // namespace kubase::wire
