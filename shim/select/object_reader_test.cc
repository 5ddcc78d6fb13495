#include "shim/select/object_reader.h"

#include <catch2/catch.hpp>
#include <string>

#include "shim/select/wire_bytes_test.h"

namespace kubase::select {
namespace {

std::string Label(const std::string& key, const std::string& value) {
  return Bytes(11, Bytes(1, key) + Bytes(2, value));
}

const FieldTable& Shirts() {
  static const FieldTable table({
      {"spec.color", {{{"spec", "color"}, {2, 1}}, {{"spec", "paint"}, {2, 2}}}, "", {}},
      {"spec.worn", {{{"spec", "worn"}, {2, 3}}}, "false", "false"},
      {"status.size", {{{"status", "size"}, {3, 1}}}, "0", {}},
  });
  return table;
}

const FieldTable& CustomShirts() {
  static const FieldTable table({{"spec.color", {{{"spec", "color"}, {}}}, "", {}}});
  return table;
}

Attributes Read(const std::string& value) {
  return ReadAttributes(Shirts(), "s/n", value);
}

std::string WithLabels(const std::string& labels) {
  return R"({"metadata":{"labels":)" + labels + "}}";
}

TEST_CASE("ObjectReader: an encoding is known by how it begins") {
  CHECK(EncodingOf(" \n{") == Encoding::kJson);
  CHECK(EncodingOf(std::string("k8s\0", 4)) == Encoding::kProtobuf);
  CHECK(EncodingOf("k8s:enc:aescbc:v1:key:x") == Encoding::kUnreadable);
  CHECK(EncodingOf("\xd9\xd9\xf7\xa1") == Encoding::kUnreadable);
  for (const char* foreign : {"", " ", "k8s", "[]", "compact_rev", "\xef\xbb\xbf{}"}) {
    CHECK(EncodingOf(foreign) == Encoding::kForeign);
  }
}

TEST_CASE("ObjectReader: name and namespace come from the key, also of the unreadable") {
  const Attributes unreadable = ReadAttributes(Shirts(), "space/name", "?");
  CHECK_FALSE(unreadable.readable);
  CHECK(unreadable.object_namespace == "space");
  CHECK(unreadable.name == "name");
  const Attributes of_cluster = ReadAttributes(Shirts(), "name", "{}");
  CHECK(of_cluster.readable);
  CHECK(of_cluster.object_namespace.empty());
  CHECK(of_cluster.name == "name");
}

std::string JsonOf(const std::string& api_version) {
  return R"({"apiVersion":)" + api_version + R"(,"metadata":{"labels":{"a":"1"}}})";
}

std::string EnvelopeOf(const std::string& api_version) {
  return std::string("k8s\0", 4) + Bytes(1, api_version) + Bytes(2, Bytes(1, Label("a", "1")));
}

TEST_CASE("ObjectReader: a version that decodes to other labels or fields is not read") {
  const FieldTable any;
  const FieldTable shirts({}, {}, {"shop/v1", "shop/v2"});
  const auto is_read = [](const FieldTable& table, const std::string& value) {
    return ReadAttributes(table, "s/n", value).readable;
  };
  for (const char* version : {"shop/v1", "shop/v2", "shop/v3", "apps/v1beta1", "apps/v1beta2",
                              "extensions/v1beta1", ""}) {
    CAPTURE(version);
    const std::string name = version;
    const bool relabels = name == "apps/v1beta1" || name == "extensions/v1beta1";
    const bool of_shirts = name == "shop/v1" || name == "shop/v2" || name.empty();
    for (const std::string& value : {JsonOf('"' + name + '"'), EnvelopeOf(Bytes(1, name))}) {
      CHECK(is_read(any, value) == !relabels);
      CHECK(is_read(shirts, value) == of_shirts);
    }
  }
  CHECK(is_read(shirts, JsonOf("null")));
  for (const std::string& uncertain :
       {JsonOf("1"), JsonOf(R"("shop/v1","apiVersion":"shop/v1")"),
        EnvelopeOf(Bytes(1, "shop/v1") + Bytes(1, "shop/v1")), EnvelopeOf("\x0a")}) {
    CHECK_FALSE(is_read(any, uncertain));
  }
}

TEST_CASE("ObjectReader: JSON has labels and fields") {
  const Attributes object = Read(R"({"kind":"Shirt","metadata":{"labels":{"b":"2","a":"1"},
      "name":"other"},"spec":{"color":"r\u00e9d","worn":true},"status":{"size":-3}})");
  REQUIRE(object.readable);
  CHECK(object.labels == NamedValues{{"a", "1"}, {"b", "2"}});
  CHECK(object.fields ==
        NamedValues{{"spec.color", "r\u00e9d"}, {"spec.worn", "true"}, {"status.size", "-3"}});
}

TEST_CASE("ObjectReader: JSON fields that are absent have the value of that") {
  const NamedValues absent{{"spec.color", ""}, {"spec.worn", "false"}, {"status.size", "0"}};
  for (const char* json : {"{}", R"({"spec":null,"status":{}})", R"({"spec":{"color":null}})",
                           R"({"spec":{"color":"","worn":false},"status":{"size":0}})"}) {
    CHECK(Read(json).readable);
    CHECK(Read(json).fields == absent);
  }
  CHECK(Read(R"({"spec":{"color":"","paint":"red"}})").fields[0].second == "red");
  CHECK(Read(R"({"spec":{"color":"blue","paint":"red"}})").fields[0].second == "blue");
}

TEST_CASE("ObjectReader: JSON without labels") {
  for (const char* json :
       {"{}", R"({"metadata":{}})", R"({"metadata":null})", R"({"metadata":{"labels":null}})",
        R"({"metadata":{"labels":{}}})", R"({"Metadata":{"Labels":{"a":"1"}}})"}) {
    CHECK(Read(json).readable);
    CHECK(Read(json).labels.empty());
  }
  CHECK(Read(R"({"m\u0065tadata":{"labels":{"\u0061":"1"}}})").labels == NamedValues{{"a", "1"}});
}

TEST_CASE("ObjectReader: JSON that may be decoded otherwise is not read") {
  for (const std::string& json : {
           WithLabels(R"({"a":"1","a":"2"})"),
           WithLabels(R"({"a":1})"),
           WithLabels(R"({"a":null})"),
           WithLabels("[]"),
           WithLabels("{\"a\":\"\xff\"}"),
           WithLabels(R"({"a":"\ud800"})"),
           WithLabels("{}") + "x",
           WithLabels("{},\"x\":tru"),
           std::string(R"({"metadata":[]})"),
           std::string(R"({"metadata":{},"metadata":{}})"),
           std::string(R"({"metadata":{"labels":{},"labels":{}}})"),
           std::string(R"({"spec":{"color":1}})"),
           std::string(R"({"spec":{"color":"a","color":"a"}})"),
           std::string(R"({"spec":"x"})"),
           std::string(R"({"spec":{"worn":"true"}})"),
           std::string(R"({"status":{"size":1.0}})"),
           std::string(R"({"status":{"size":9223372036854775808}})"),
       }) {
    INFO(json);
    CHECK(Read(json) == Attributes{.name = "n", .object_namespace = "s"});
  }
}

TEST_CASE("ObjectReader: a custom resource's field is printed by what it is") {
  const auto color = [](const std::string& json) {
    const auto object = ReadAttributes(CustomShirts(), "n", R"({"spec":{"color":)" + json + "}}");
    return object.readable ? object.fields.at(0).second : "unreadable";
  };
  CHECK(color("\"red\"") == "red");
  CHECK(color("false") == "false");
  CHECK(color("0") == "0");
  CHECK(color("-0") == "0");
  CHECK(color("-9223372036854775808") == "-9223372036854775808");
  CHECK(color("null").empty());
  for (const char* json : {"1e2", "1.0", "9223372036854775808", "{}", "[]"}) {
    CHECK(color(json) == "unreadable");
  }
}

TEST_CASE("ObjectReader: protobuf has labels and fields") {
  const std::string unknown = Bytes(9, "x") + Number(8, 1) + std::string("\x3d", 1) + "four";
  const std::string metadata = Bytes(1, "n") + Label("b", "2") + unknown + Label("a", "1");
  const Attributes object = Read(Envelope(
      Bytes(1, metadata) + Bytes(2, Bytes(1, "red") + Number(3, 1)) + Bytes(3, Number(1, 7))));
  REQUIRE(object.readable);
  CHECK(object.labels == NamedValues{{"a", "1"}, {"b", "2"}});
  CHECK(object.fields ==
        NamedValues{{"spec.color", "red"}, {"spec.worn", "true"}, {"status.size", "7"}});
}

TEST_CASE("ObjectReader: protobuf fields that are absent have the value of that") {
  const Attributes object = Read(Envelope(Bytes(2, Bytes(1, "") + Bytes(2, "red"))));
  REQUIRE(object.readable);
  CHECK(object.labels.empty());
  CHECK(object.fields ==
        NamedValues{{"spec.color", "red"}, {"spec.worn", "false"}, {"status.size", "0"}});
}

TEST_CASE("ObjectReader: protobuf that may be decoded otherwise is not read") {
  const std::string prefix("k8s\0", 4);
  for (const std::string& value : {
           Envelope(Bytes(1, Label("a", "1") + Label("a", "2"))),
           Envelope(Bytes(1, Number(11, 1))),
           Envelope(Bytes(1, "") + Bytes(1, "")),
           Envelope(Bytes(1, Bytes(11, Number(1, 1)))),
           Envelope(Bytes(1, "\x7f")),
           Envelope(Bytes(2, Number(1, 1))),
           Envelope(Bytes(2, Bytes(3, "x"))),
           Envelope(Number(2, 1)),
           Envelope("") + std::string("\0", 1),
           Envelope("").substr(0, 8),
           prefix + Bytes(2, "") + Bytes(2, ""),
           prefix + Bytes(2, "") + Bytes(3, "gzip"),
           prefix + Bytes(2, "{}") + Bytes(4, "application/json"),
       }) {
    CHECK_FALSE(Read(value).readable);
  }
}

TEST_CASE("ObjectReader: a field that is only in JSON is not read from protobuf") {
  CHECK_FALSE(ReadAttributes(CustomShirts(), "n", Envelope("")).readable);
}

TEST_CASE("ObjectReader: labels that decoding sets are read as decoded") {
  const FieldTable named({}, {.with_name = true});
  const NamedValues expected{{"a", "1"}, {"kubernetes.io/metadata.name", "n"}, {"z", "2"}};
  CHECK(ReadAttributes(named, "n", WithLabels(R"({"z":"2","a":"1"})")).labels == expected);
  CHECK(ReadAttributes(named, "n",
                       WithLabels(R"({"z":"2","a":"1","kubernetes.io/metadata.name":"x"})"))
            .labels == expected);

  const FieldTable templated({}, {.if_none = {{"spec"}, {2}}});
  const NamedValues own{{"a", "1"}};
  const NamedValues of_template{{"b", "2"}};
  const auto json = [&](const std::string& labels) {
    return ReadAttributes(
        templated, "n", R"({"metadata":{"labels":)" + labels + R"(},"spec":{"labels":{"b":"2"}}})");
  };
  CHECK(json(R"({"a":"1"})").labels == own);
  CHECK(json("{}").labels == of_template);
  const std::string spec = Bytes(2, Label("b", "2"));
  CHECK(ReadAttributes(templated, "n", Envelope(Bytes(1, Label("a", "1")) + spec)).labels == own);
  CHECK(ReadAttributes(templated, "n", Envelope(spec)).labels == of_template);
}

}  // namespace
}  // namespace kubase::select
