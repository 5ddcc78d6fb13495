#include "shim/select/field_table.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace kubase::select {
namespace {

TEST_CASE("FieldTable: fields are sorted and found by name") {
  const FieldTable table({{"b", {}, "2", {}}, {"a", {}, "1", {}}, {"c", {}, "3", {}}});
  CHECK(table.fields().front().name == "a");
  REQUIRE(table.Find("b") != nullptr);
  CHECK(table.Find("b")->absent == "2");
  CHECK(table.Find("aa") == nullptr);
  CHECK(FieldTable().Find("a") == nullptr);
}

TEST_CASE("FieldTable: each place of a built-in field is in both encodings") {
  const std::vector<std::string> resources = BuiltInResources();
  CHECK(std::is_sorted(resources.begin(), resources.end()));
  for (const std::string& resource : resources) {
    const FieldTablePtr table = BuiltInFields(resource);
    REQUIRE_FALSE(table->fields().empty());
    for (const SelectableField& field : table->fields()) {
      INFO(resource << " " << field.name);
      REQUIRE_FALSE(field.places.empty());
      for (const FieldPlace& place : field.places) {
        CHECK(place.json.size() == place.protobuf.size());
        CHECK(std::find(place.protobuf.begin(), place.protobuf.end(), 0) == place.protobuf.end());
      }
    }
  }
}

TEST_CASE("FieldTable: what is not in the list of built-in resources has no fields") {
  CHECK(BuiltInFields("configmaps")->fields().empty());
  CHECK(BuiltInFields("shirts.stable.example.com")->fields().empty());
}

TEST_CASE("FieldTable: custom fields are plain paths outside of the metadata") {
  const FieldTablePtr table =
      CustomFields({".spec.size", ".spec.color", ".spec.color", ".replicas", "spec.x", "", ".",
                    ".spec..x", ".spec['x']", ".spec.a*", ".spec.a b", ".metadata.uid"});
  std::vector<std::string> names;
  for (const SelectableField& field : table->fields()) names.push_back(field.name);
  CHECK(names == std::vector<std::string>{"replicas", "spec.color", "spec.size"});
  const SelectableField* color = table->Find("spec.color");
  REQUIRE(color->places.size() == 1);
  CHECK(color->places[0].json == std::vector<std::string>{"spec", "color"});
  CHECK(color->places[0].protobuf.empty());
  CHECK(color->absent.empty());
}

}  // namespace
}  // namespace kubase::select
