#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "shim/select/field_table.h"
#include "shim/select/object_reader.h"

namespace kubase::select {
namespace {

using Json = nlohmann::json;

std::vector<Json> Lines() {
  std::ifstream file(std::string(KUBASE_SELECTORS) + "/objects.jsonl");
  std::vector<Json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
  return lines;
}

std::string ValueOf(const Json& line) {
  if (line.contains("json")) return line["json"];
  const std::string digits = line["protobuf"];
  std::string value;
  for (size_t at = 0; at < digits.size(); at += 2) {
    value += static_cast<char>(std::stoi(digits.substr(at, 2), nullptr, 16));
  }
  return value;
}

NamedValues Expected(const Json& values) {
  NamedValues expected;
  for (const auto& [name, value] : values.items()) expected.emplace_back(name, value);
  return expected;
}

FieldTablePtr TableOf(const Json& line) {
  if (line.contains("paths")) return CustomFields(line["paths"]);
  return BuiltInFields(line["resource"].get<std::string>());
}

TEST_CASE("Objects: labels and fields are those that kube-apiserver finds") {
  for (const Json& line : Lines()) {
    INFO(line);
    const std::string key = line["key"];
    const Attributes object = ReadAttributes(*TableOf(line), key, ValueOf(line));
    CHECK(object.name == key.substr(key.find('/') + 1));  // the whole key without a namespace
    REQUIRE(object.readable != line.contains("undecided"));
    if (!object.readable) continue;
    CHECK(object.labels == Expected(line["labels"]));
    CHECK(object.fields == Expected(line["fields"]));
  }
}

TEST_CASE("Objects: the tables are of the resources that kube-apiserver has fields for") {
  std::set<std::string> resources;
  for (const Json& line : Lines()) {
    if (!line.contains("paths") && !line["fields"].empty()) resources.insert(line["resource"]);
  }
  const std::vector<std::string> built_in = BuiltInResources();
  CHECK(resources == std::set<std::string>(built_in.begin(), built_in.end()));
}

TEST_CASE("Objects: definitions of custom resources are read") {
  size_t count = 0;
  for (const Json& line : Lines()) {
    if (!line.contains("definition")) continue;
    ++count;
    const auto definition = ReadCustomDefinition(ValueOf(line));
    REQUIRE(definition.has_value());
    CHECK(definition->resource == line["definition"]["resource"]);
    CHECK(definition->selectable_json_paths == line["definition"]["paths"]);
  }
  CHECK(count == 8);
}

}  // namespace
}  // namespace kubase::select
