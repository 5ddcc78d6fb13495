#include <catch2/catch.hpp>
#include <string>

#include "shim/select/field_table.h"
#include "shim/select/wire_bytes_test.h"

namespace kubase::select {
namespace {

std::string WithSpec(const std::string& spec) {
  return R"({"apiVersion":"apiextensions.k8s.io/v1","metadata":{},"spec":)" + spec + "}";
}

std::string Selectable(const std::string& path) {
  return Bytes(9, Bytes(1, path));
}

TEST_CASE("CustomDefinition: JSON has the paths of all versions") {
  const auto definition = ReadCustomDefinition(WithSpec(
      R"({"group":"example.com","names":{"plural":"shirts"},"versions":[
          {"name":"v1","selectableFields":[{"jsonPath":".spec.size"},{"jsonPath":".spec.color"}]},
          {"name":"v2","selectableFields":[{"jsonPath":".spec.color"}]},
          {"name":"v3"}]})"));
  REQUIRE(definition.has_value());
  CHECK(definition->resource == "shirts.example.com");
  CHECK(definition->selectable_json_paths == std::vector<std::string>{".spec.color", ".spec.size"});
}

TEST_CASE("CustomDefinition: protobuf has the paths of all versions") {
  const std::string spec = Bytes(1, "example.com") + Bytes(3, Bytes(1, "shirts")) +
                           Bytes(7, Bytes(1, "v1") + Selectable(".b") + Selectable(".a")) +
                           Bytes(7, Selectable(".a"));
  const auto definition = ReadCustomDefinition(Envelope(Bytes(2, spec)));
  REQUIRE(definition.has_value());
  CHECK(definition->resource == "shirts.example.com");
  CHECK(definition->selectable_json_paths == std::vector<std::string>{".a", ".b"});
}

TEST_CASE("CustomDefinition: a kind is served by its accepted name, once it is established") {
  const auto kind_of = [](const std::string& status) {
    const auto json = ReadCustomDefinition(
        R"({"spec":{"group":"g","names":{"plural":"p","kind":"Wanted"}},"status":)" + status + "}");
    REQUIRE(json.has_value());
    return json->served_kind;
  };
  const std::string names = R"("acceptedNames":{"plural":"p","kind":"Kind"})";
  const std::string other = R"({"type":"NamesAccepted","status":"True"})";
  const std::string established = R"({"type":"Established","status":"True"})";
  CHECK(kind_of("{" + names + R"(,"conditions":[)" + other + "," + established + "]}") == "Kind");
  CHECK(kind_of(R"({"conditions":[)" + established + "]}").empty());
  CHECK(kind_of("{" + names + R"(,"conditions":[)" + other + "]}").empty());
  CHECK(
      kind_of("{" + names + R"(,"conditions":[{"type":"Established","status":"False"}]})").empty());
  CHECK(kind_of("{" + names + "}").empty());
  CHECK(kind_of("{}").empty());
}

TEST_CASE("CustomDefinition: protobuf tells its accepted name, too") {
  const auto kind_of = [](const std::string& status) {
    const std::string spec = Bytes(1, "g") + Bytes(3, Bytes(1, "p") + Bytes(4, "Wanted"));
    const auto read = ReadCustomDefinition(Envelope(Bytes(2, spec) + Bytes(3, status)));
    REQUIRE(read.has_value());
    return read->served_kind;
  };
  const std::string names = Bytes(2, Bytes(1, "p") + Bytes(4, "Kind"));
  const std::string other = Bytes(1, Bytes(1, "NamesAccepted") + Bytes(2, "True"));
  CHECK(kind_of(other + Bytes(1, Bytes(1, "Established") + Bytes(2, "True")) + names) == "Kind");
  CHECK(kind_of(Bytes(1, Bytes(1, "Established") + Bytes(2, "False")) + names).empty());
  CHECK(kind_of(other + names).empty());
  CHECK(kind_of("").empty());
}

TEST_CASE("CustomDefinition: what is malformed or incomplete is not read") {
  const std::string names = R"("group":"g","names":{"plural":"p"})";
  CHECK(ReadCustomDefinition(WithSpec("{" + names + "}")).has_value());
  for (const std::string& value : {
           std::string("x"),
           std::string("{}"),
           WithSpec("{" + names + "}") + "}",
           WithSpec(R"({"group":"g"})"),
           WithSpec(R"({"group":"","names":{"plural":"p"}})"),
           WithSpec("{" + names + R"(,"versions":{}})"),
           WithSpec("{" + names + R"(,"versions":[{"selectableFields":[{}]}]})"),
           Envelope(""),
           Envelope(Bytes(2, Bytes(1, "g"))),
           Envelope(Bytes(2, Bytes(1, "g") + Bytes(3, Bytes(1, "p")) + Number(7, 1))),
           Envelope(Bytes(2, Bytes(1, "g") + Bytes(3, Bytes(1, "p")) + Bytes(7, Bytes(9, "")))),
       }) {
    INFO(value);
    CHECK_FALSE(ReadCustomDefinition(value).has_value());
  }
}

}  // namespace
}  // namespace kubase::select
