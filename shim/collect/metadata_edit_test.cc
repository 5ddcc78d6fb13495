#include "shim/collect/metadata_edit.h"

#include <catch2/catch.hpp>
#include <string>

#include "shim/select/wire_bytes_test.h"

namespace kubase::collect {
namespace {

using select::Bytes;
using select::Envelope;
using select::Number;
using Unblock = MetadataEdit::Unblock;

const MetadataEdit kNothing;
const MetadataEdit kDeletion{.deletion = MetadataEdit::Deletion{1'767'323'045, 30}};

std::string Json(const std::string& metadata) {
  return R"({"a": 1.50e3,"metadata":{)" + metadata +
         R"(} , "spec":[ "\u00e9,}]\"{" ,{}] })"
         "\n";
}

// The metadata after the change; all else must be as it was.
std::string Edited(const std::string& metadata, const MetadataEdit& edit) {
  const std::string before = Json("");
  const size_t begin = before.find("{}") + 1;
  const std::string after = EditMetadata(Json(metadata), edit).value_or("unreadable");
  if (after.size() < before.size()) return after;
  CHECK(after.substr(0, begin) == before.substr(0, begin));
  const size_t end = after.size() - (before.size() - begin);
  CHECK(after.substr(end) == before.substr(begin));
  return after.substr(begin, end - begin);
}

std::string Owner(const std::string& uid, const std::string& rest = "") {
  return Bytes(1, "Pod") + Bytes(3, "p") + Bytes(4, uid) + Bytes(5, "v1") + rest;
}

std::string Protobuf(const std::string& metadata) {
  return Envelope(Bytes(1, metadata) + Bytes(2, "spec"));
}

TEST_CASE("MetadataEdit: JSON stays as it is, to the byte, when nothing changes") {
  for (const std::string& metadata :
       {std::string(), std::string(" "), std::string("\n \"uid\" :\t\"u\" ,\"x\":[ ] "),
        std::string(R"("ownerReferences": [ {"uid":"b"} , {"uid":"c"} ])")}) {
    CHECK(EditMetadata(Json(metadata), kNothing) == Json(metadata));
    CHECK(Edited(metadata, {.removed_owners = {"a"}, .finalizers = std::vector<std::string>()}) ==
          metadata);
  }
  for (const std::string json : {"{}", "{ }", R"({"metadata":null})", R"( {"metadata":{ }} )"}) {
    CHECK(EditMetadata(json, kNothing) == json);
  }
}

TEST_CASE("MetadataEdit: JSON owners are taken away") {
  const std::string owners =
      R"("x":1,"ownerReferences":[ {"uid":"a"} , {"uid":"b", "y":[1]},{"uid":"a"}],"z":2)";
  CHECK(Edited(owners, {.removed_owners = {"a"}}) ==
        R"("x":1,"ownerReferences":[ {"uid":"b", "y":[1]}],"z":2)");
  CHECK(Edited(owners, {.removed_owners = {"b", "c"}}) ==
        R"("x":1,"ownerReferences":[ {"uid":"a"} ,{"uid":"a"}],"z":2)");
  CHECK(Edited(owners, {.removed_owners = {"b", "a"}}) == R"("x":1,"z":2)");
  CHECK(Edited(R"("ownerReferences":[{"uid":"a"}])", {.removed_owners = {"a"}}).empty());
  CHECK(Edited(R"("ownerReferences":null)", {.removed_owners = {"a"}}).empty());
}

TEST_CASE("MetadataEdit: JSON owners do not block any more") {
  const std::string owners =
      R"("ownerReferences":[{"blockOwnerDeletion" : true , "uid":"a"},{"uid":"b"},{}])";
  CHECK(Edited(owners, {.unblock = Unblock::kBlocking}) ==
        R"("ownerReferences":[{"blockOwnerDeletion" : false , "uid":"a"},{"uid":"b"},{}])");
  CHECK(Edited(owners, {.unblock = Unblock::kAll}) ==
        R"("ownerReferences":[{"blockOwnerDeletion" : false , "uid":"a"},)"
        R"({"uid":"b","blockOwnerDeletion":false},{"blockOwnerDeletion":false}])");
  CHECK(Edited(owners, {.removed_owners = {"a", ""}, .unblock = Unblock::kAll}) ==
        R"("ownerReferences":[{"uid":"b","blockOwnerDeletion":false}])");
}

TEST_CASE("MetadataEdit: JSON finalizers are replaced") {
  const MetadataEdit two{.finalizers = {{"a", "\"\\\n\u00e9\xff"}}};
  const std::string list = R"("finalizers":["a","\"\\\u000a)"
                           "\u00e9\ufffd\"]";
  CHECK(Edited("", two) == list);
  CHECK(Edited(R"("x":1)", two) == R"("x":1,)" + list);
  CHECK(Edited(R"("finalizers":null)", two) == list);
  CHECK(Edited(R"("fin\u0061lizers":[ "b"] )", {.finalizers = {{"c"}}}) ==
        R"("fin\u0061lizers":["c"] )");
  CHECK(Edited(R"( "finalizers":["b"] , "x":1)", {.finalizers = std::vector<std::string>()}) ==
        R"( "x":1)");
}

TEST_CASE("MetadataEdit: JSON deletion and generation are set") {
  CHECK(Edited("", kDeletion) ==
        R"("deletionTimestamp":"2026-01-02T03:04:05Z","deletionGracePeriodSeconds":30)");
  CHECK(Edited(R"("deletionGracePeriodSeconds":60,"deletionTimestamp":"2020-01-01T00:00:00Z")",
               kDeletion) ==
        R"("deletionGracePeriodSeconds":30,"deletionTimestamp":"2026-01-02T03:04:05Z")");
  CHECK(Edited(R"("generation":1)", {.generation = 2}) == R"("generation":2)");
  CHECK(Edited(R"("generation":1)", {.generation = 0}).empty());
  CHECK(EditMetadata(R"({"metadata":null})", {.generation = 2}) ==
        R"({"metadata":{"generation":2}})");
  CHECK(EditMetadata("{}", {.generation = 2}) == R"({"metadata":{"generation":2}})");
}

TEST_CASE("MetadataEdit: what is not certain is not changed") {
  for (const std::string& value :
       {std::string("x"), Json(R"("uid":1)"), Json(R"("x":1,"\u0078":1)"),
        std::string(R"({"x":1,"x":1})"), Json(R"("ownerReferences":[{"x":1,"x":1}])"),
        Protobuf(Number(5, 1)), Envelope(Bytes(1, "") + Bytes(1, ""))}) {
    INFO(value);
    CHECK_FALSE(EditMetadata(value, {.unblock = Unblock::kAll, .generation = 1}).has_value());
  }
  for (const int64_t time : {-62'135'596'800, 253'402'300'800}) {
    const MetadataEdit unwritable{.deletion = MetadataEdit::Deletion{time, 0}};
    CHECK_FALSE(EditMetadata(Json(""), unwritable).has_value());
    CHECK_FALSE(EditMetadata(Protobuf(""), unwritable).has_value());
  }
}

TEST_CASE("MetadataEdit: protobuf stays as it is when nothing changes") {
  const std::string unknown = std::string("\x85\x01", 2) + "four" + Bytes(15, "x");
  const std::string value = Protobuf(Bytes(1, "n") + Bytes(13, Owner("b")) + unknown);
  CHECK(EditMetadata(value, kNothing) == value);
  CHECK(EditMetadata(value, {.removed_owners = {"a"}}) == value);
}

TEST_CASE("MetadataEdit: protobuf owners are taken away, or do not block any more") {
  const std::string rest = Bytes(15, "x");
  const std::string controller = Number(6, 1);
  const std::string value =
      Protobuf(Bytes(13, Owner("a")) + Bytes(13, Owner("b", controller + Number(7, 1))) + rest);
  CHECK(EditMetadata(value, {.removed_owners = {"b"}}) == Protobuf(Bytes(13, Owner("a")) + rest));
  CHECK(EditMetadata(value, {.removed_owners = {"a", "b"}}) == Protobuf(rest));
  const std::string unblocked = Bytes(13, Owner("b", controller + Number(7, 0)));
  CHECK(EditMetadata(value, {.unblock = Unblock::kBlocking}) ==
        Protobuf(Bytes(13, Owner("a")) + unblocked + rest));
  CHECK(EditMetadata(value, {.unblock = Unblock::kAll}) ==
        Protobuf(Bytes(13, Owner("a", Number(7, 0))) + unblocked + rest));
}

TEST_CASE("MetadataEdit: protobuf fields come where their numbers belong") {
  const std::string name = Bytes(1, "n");
  const std::string rest = Bytes(15, "x");
  const std::string deletion = Bytes(9, "\x08\xa5\xeb\xdc\xca\x06" + Number(2, 0)) + Number(10, 30);
  CHECK(EditMetadata(Protobuf(name + rest), kDeletion) == Protobuf(name + deletion + rest));
  CHECK(EditMetadata(Protobuf(name + Bytes(9, Number(1, 1)) + Number(10, 1)), kDeletion) ==
        Protobuf(name + deletion));
  CHECK(EditMetadata(Protobuf(name), {.generation = 2}) == Protobuf(name + Number(7, 2)));
  CHECK(EditMetadata(Protobuf(Number(7, 1) + rest), {.generation = 2}) ==
        Protobuf(Number(7, 2) + rest));
  CHECK(EditMetadata(Protobuf(name + rest), {.finalizers = {{"a", "b"}}}) ==
        Protobuf(name + Bytes(14, "a") + Bytes(14, "b") + rest));
  CHECK(EditMetadata(Protobuf(Bytes(14, "a") + Bytes(14, "b")), {.finalizers = {{"b"}}}) ==
        Protobuf(Bytes(14, "b")));
  CHECK(EditMetadata(Envelope(Bytes(2, "s")), {.generation = 2}) ==
        Envelope(Bytes(1, Number(7, 2)) + Bytes(2, "s")));
}

TEST_CASE("MetadataEdit: a deleted Namespace is terminating") {
  CHECK(WithTerminatingPhase(R"({"status":{"phase": "Active" ,"x":1}})") ==
        R"({"status":{"phase": "Terminating" ,"x":1}})");
  for (const char* json : {R"({"status":{}})", R"({"status":null})"}) {
    CHECK(WithTerminatingPhase(json) == R"({"status":{"phase":"Terminating"}})");
  }
  CHECK(WithTerminatingPhase("{}") == R"({"status":{"phase":"Terminating"}})");
  const std::string metadata = Bytes(1, Bytes(1, "n"));
  const std::string terminating = Bytes(3, Bytes(1, "Terminating") + Bytes(2, "x"));
  CHECK(WithTerminatingPhase(Envelope(metadata + Bytes(3, Bytes(1, "Active") + Bytes(2, "x")))) ==
        Envelope(metadata + terminating));
  CHECK(WithTerminatingPhase(Envelope(metadata)) ==
        Envelope(metadata + Bytes(3, Bytes(1, "Terminating"))));
  for (const std::string& value :
       {std::string(R"({"status":[]})"), std::string(R"({"status":{"phase":1}})"),
        std::string(R"({"status":{"x":1,"x":1}})"), std::string(R"({"metadata":{"uid":1}})"),
        Envelope(Number(3, 1)), Envelope(Bytes(3, Number(1, 1)))}) {
    INFO(value);
    CHECK_FALSE(WithTerminatingPhase(value).has_value());
  }
}

}  // namespace
}  // namespace kubase::collect
