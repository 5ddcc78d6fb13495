#include "shim/collect/object_metadata.h"

#include <catch2/catch.hpp>
#include <string>

#include "shim/collect/wire_fields.h"
#include "shim/select/wire_bytes_test.h"

namespace kubase::collect {
namespace {

using select::Bytes;
using select::Envelope;
using select::Number;

constexpr int64_t kTime = 1'767'323'045;  // 2026-01-02T03:04:05Z

std::string ShirtJson(const std::string& metadata) {
  return R"({"kind":"Shirt","metadata":{)" + metadata + "}}";
}

std::string ShirtProtobuf(const std::string& metadata) {
  return Envelope(Bytes(1, metadata));
}

std::string Label(const std::string& key) {
  return Bytes(11, Bytes(1, key) + Bytes(2, "v"));
}

// The seconds of a time in JSON; 0: not read.
int64_t TimeOf(const std::string& text) {
  const auto metadata = ReadMetadata(ShirtJson(R"("deletionTimestamp":")" + text + '"'));
  return metadata ? metadata->deletion_time.value() : 0;
}

ObjectMetadata Everything() {
  return {
      .uid = "u-1",
      .skips_caching = true,
      .owners = {{"apps/v1", "ReplicaSet", "rs", "u-2", true}, {"v1", "Pod", "p", "u-3", false}},
      .finalizers = {"orphan", "example.com/f"},
      .generation = 3,
      .deletion_time = kTime,
      .deletion_grace_seconds = 30};
}

TEST_CASE("ObjectMetadata: JSON has everything") {
  const auto metadata = ReadMetadata(ShirtJson(R"("name":"n","uid":"u-1","generation":3,
      "labels":{"a":"1","skip-controller-manager-metadata-caching":""},
      "deletionTimestamp":"2026-01-02T03:04:05Z","deletionGracePeriodSeconds":30,
      "ownerReferences":[
        {"apiVersion":"apps/v1","kind":"ReplicaSet","name":"rs","uid":"u-2","controller":true,
         "blockOwnerDeletion":true},
        {"apiVersion":"v1","kind":"Pod","name":"p","uid":"u-3","blockOwnerDeletion":null}],
      "finalizers":["orphan","example.com/f"])"));
  CHECK(metadata == Everything());
}

TEST_CASE("ObjectMetadata: protobuf has everything") {
  const std::string owner = Bytes(1, "ReplicaSet") + Bytes(3, "rs") + Bytes(4, "u-2") +
                            Bytes(5, "apps/v1") + Number(6, 1) + Number(7, 1);
  const std::string other = Bytes(1, "Pod") + Bytes(3, "p") + Bytes(4, "u-3") + Bytes(5, "v1");
  const std::string seconds = "\x08\xa5\xeb\xdc\xca\x06";
  const std::string metadata = Bytes(1, "n") + Bytes(5, "u-1") + Number(7, 3) +
                               Bytes(9, seconds + Number(2, 9)) + Number(10, 30) + Label("a") +
                               Label(std::string(kSkipLabel)) + Bytes(13, owner) +
                               Bytes(13, other) + Bytes(14, "orphan") + Bytes(14, "example.com/f");
  const std::string raw = BytesField(2, BytesField(1, metadata).bytes).bytes;
  CHECK(ReadMetadata(std::string("k8s\0", 4) + raw) == Everything());
}

TEST_CASE("ObjectMetadata: what is absent or null is not there") {
  for (const std::string& value : {
           std::string("{}"),
           std::string(R"({"metadata":null})"),
           ShirtJson(""),
           ShirtJson(R"("uid":null,"generation":null,"deletionTimestamp":null,"labels":null,
                   "deletionGracePeriodSeconds":null,"ownerReferences":null,"finalizers":null)"),
           ShirtJson(R"("labels":{},"ownerReferences":[],"finalizers":[],"uid":"")"),
           ShirtJson(R"("UID":"u","Finalizers":["f"])"),
           Envelope(""),
           ShirtProtobuf(""),
           ShirtProtobuf(Bytes(5, "") + Number(7, 0)),
       }) {
    INFO(value);
    CHECK(ReadMetadata(value) == ObjectMetadata());
  }
}

TEST_CASE("ObjectMetadata: JSON names may be escaped") {
  const auto metadata = ReadMetadata(
      R"({"m\u0065tadata":{"labels":{"skip-controller-manager-metadata-c\u0061ching":"x"}}})");
  REQUIRE(metadata.has_value());
  CHECK(metadata->skips_caching);
}

TEST_CASE("ObjectMetadata: JSON times are those of RFC 3339") {
  CHECK(TimeOf("2026-01-02T03:04:05Z") == kTime);
  CHECK(TimeOf("2026-01-02T03:04:05.999Z") == kTime);
  CHECK(TimeOf("2026-01-02T04:34:05+01:30") == kTime);
  CHECK(TimeOf("2026-01-01T19:04:05.25-08:00") == kTime);
  CHECK(TimeOf("1969-12-31T23:59:59.5Z") == -1);
  CHECK(TimeOf("2024-02-29T00:00:00Z") == 1'709'164'800);
  CHECK(TimeOf("0001-01-01T00:00:01Z") == -62'135'596'799);
  CHECK(TimeOf("9999-12-31T23:59:59Z") == 253'402'300'799);
  for (const char* text :
       {"", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z", "2026-01-02t03:04:05z",
        "2026-13-02T03:04:05Z", "2025-02-29T03:04:05Z", "2026-01-02T24:04:05Z",
        "2026-01-02T03:60:05Z", "2026-01-02T03:04:60Z", "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+0100", "2026-01-02T03:04:05Zx",
        "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-00:01"}) {
    INFO(text);
    CHECK(TimeOf(text) == 0);
  }
}

TEST_CASE("ObjectMetadata: JSON that may be decoded otherwise is not read") {
  for (const std::string& value : {
           std::string("x"),
           std::string("[]"),
           std::string(R"({"metadata":[]})"),
           std::string(R"({"metadata":{},"metadata":{}})"),
           ShirtJson("") + "x",
           ShirtJson("\"name\":\"\xff\""),
           ShirtJson(R"("uid":1)"),
           ShirtJson(R"("uid":"a","uid":"a")"),
           ShirtJson(R"("generation":"1")"),
           ShirtJson(R"("generation":1.0)"),
           ShirtJson(R"("generation":9223372036854775808)"),
           ShirtJson(R"("deletionTimestamp":1)"),
           ShirtJson(R"("deletionGracePeriodSeconds":"1")"),
           ShirtJson(R"("labels":[])"),
           ShirtJson(R"("labels":{"a":null})"),
           ShirtJson(R"("labels":{},"labels":{})"),
           ShirtJson(R"("finalizers":{})"),
           ShirtJson(R"("finalizers":[null])"),
           ShirtJson(R"("finalizers":[1])"),
           ShirtJson(R"("ownerReferences":{})"),
           ShirtJson(R"("ownerReferences":[null])"),
           ShirtJson(R"("ownerReferences":[{"uid":1}])"),
           ShirtJson(R"("ownerReferences":[{"uid":"a","uid":"b"}])"),
           ShirtJson(R"("ownerReferences":[{"blockOwnerDeletion":"true"}])"),
       }) {
    INFO(value);
    CHECK_FALSE(ReadMetadata(value).has_value());
  }
}

TEST_CASE("ObjectMetadata: protobuf that may be decoded otherwise is not read") {
  for (const std::string& value : {
           Envelope(Bytes(1, "") + Bytes(1, "")),
           Envelope(Number(1, 1)),
           Envelope("").substr(0, 8),
           ShirtProtobuf("\x7f"),
           ShirtProtobuf(Number(5, 1)),
           ShirtProtobuf(Bytes(5, "a") + Bytes(5, "a")),
           ShirtProtobuf(Bytes(7, "")),
           ShirtProtobuf(Number(9, 1)),
           ShirtProtobuf(Bytes(9, "")),
           ShirtProtobuf(Bytes(9, Bytes(1, ""))),
           ShirtProtobuf(Bytes(9, "\x08")),
           ShirtProtobuf(Bytes(9, "\x08\xff\xff\xff\xff\xff\xff\x7f")),
           ShirtProtobuf(Bytes(10, "")),
           ShirtProtobuf(Number(11, 1)),
           ShirtProtobuf(Bytes(11, Number(1, 1))),
           ShirtProtobuf(Bytes(11, Number(2, 1))),
           ShirtProtobuf(Bytes(12, Number(1, 1))),
           ShirtProtobuf(Number(13, 1)),
           ShirtProtobuf(Bytes(13, Number(4, 1))),
           ShirtProtobuf(Bytes(13, Bytes(7, ""))),
           ShirtProtobuf(Bytes(13, "\x7f")),
           ShirtProtobuf(Number(14, 1)),
       }) {
    CHECK_FALSE(ReadMetadata(value).has_value());
  }
}

TEST_CASE("ObjectMetadata: what is not readable has no metadata") {
  for (const char* value : {"", "k8s:enc:aescbc:v1:key:x", "\xd9\xd9\xf7\xa1", "compact_rev"}) {
    CHECK_FALSE(ReadMetadata(value).has_value());
  }
}

TEST_CASE("ObjectMetadata: an object waits for its dependents while it is being deleted") {
  ObjectMetadata metadata{.finalizers = {"foregroundDeletion"}};
  CHECK_FALSE(metadata.WaitsForDependents());
  metadata.deletion_time = kTime;
  CHECK(metadata.WaitsForDependents());
  CHECK_FALSE(metadata.HasFinalizer("orphan"));
}

}  // namespace
}  // namespace kubase::collect
