// The definition of the widgets that tests of selectors use, and lists by selector.
#pragma once

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "shim/select/selector.h"
#include "shim/store/kind.h"
#include "shim/store/store_fixture_test.h"

namespace kubase::store {

// With one selectable field.
inline PutRequest WidgetDefinition(const std::string& json_path) {
  return {.key = std::string(kDefinitionsPrefix) + "widgets.example.com",
          .value = fmt::format(
              R"({{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1",)"
              R"("spec":{{"group":"example.com","names":{{"plural":"widgets"}},)"
              R"("versions":[{{"name":"v1","selectableFields":[{{"jsonPath":"{}"}}]}}]}}}})",
              json_path)};
}

// The keys that are selected.
inline std::vector<std::string> ListKeys(StoreFixture& fixture, const KeyRange& range,
                                         const std::string& labels, const std::string& fields) {
  auto selector = select::ParseSelector(labels, fields);
  REQUIRE(selector.ok());
  const auto answer = fixture.Range(
      {.range = range,
       .selector = std::make_shared<const select::Selector>(std::move(selector).value())});
  REQUIRE(answer.ok());
  std::vector<std::string> keys;
  for (const KeyValuePtr& kv : answer->kvs) keys.push_back(kv->key);
  return keys;
}

}  // namespace kubase::store
