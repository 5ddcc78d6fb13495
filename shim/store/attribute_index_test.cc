#include "shim/store/attribute_index.h"

#include <catch2/catch.hpp>

#include "shim/store/attribute_check.h"
#include "shim/store/store_fixture_test.h"
#include "shim/store/widgets_test.h"

namespace kubase::store {
namespace {

// Returns when the server has nothing more to index.
AttributeReport AwaitIndex(StoreFixture& fixture) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  const auto check = [&] {
    const auto database = fixture.data().Open();
    auto connection = database->Connect(sql::Access::kWrite);
    REQUIRE(connection.ok());
    auto report = CheckAttributes(**connection);
    REQUIRE(report.ok());
    return *std::move(report);
  };
  for (;;) {
    fixture.Close();
    AttributeReport report = check();
    if (report.unfinished == 0) return report;
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    fixture.Open();
  }
}

TEST_CASE("AttributeIndex: the first object of a kind may come with a change of its definition") {
  StoreFixture fixture;
  REQUIRE(fixture.Put(WidgetDefinition(".spec.color")).ok());
  const std::string key = kWidgetsPrefix + "a/b";
  TxnRequest together;
  together.success.push_back(
      {PutRequest{.key = key, .value = R"({"metadata":{"labels":{"app":"x"}}})"}});
  together.success.push_back({WidgetDefinition(".spec.size")});
  REQUIRE(fixture.Txn(std::move(together)).ok());
  using Keys = std::vector<std::string>;
  CHECK(ListKeys(fixture, kWidgets, "app=x", "") == Keys{key});
  const AttributeReport report = AwaitIndex(fixture);
  CAPTURE(report.told);
  CHECK(report.faults == 0);
  fixture.Open();
  CHECK(ListKeys(fixture, kWidgets, "app=x", "") == Keys{key});
  CHECK(ListKeys(fixture, kWidgets, "!app", "").empty());
}

// As if another version of kubase had made the entries, which finds other attributes.
void MakeOtherwise(StoreFixture& fixture, const std::string& prefix, const std::string& column) {
  const auto database = fixture.data().Open();
  auto connected = database->Connect(sql::Access::kWrite);
  REQUIRE(connected.ok());
  sql::Connection& connection = **connected;
  REQUIRE(connection.Begin(sql::Access::kWrite).ok());
  const auto kind = ReadKind(connection, prefix);
  REQUIRE(kind.ok());
  std::vector<int64_t> names;
  const sql::Value of_kind[] = {(*kind)->id};
  REQUIRE(connection
              .Select(sql::Query::kListAttributeNames, of_kind,
                      [&](const sql::Row& row) {
                        names.push_back(row.Int(0));
                        return true;
                      })
              .ok());
  CHECK(names.size() == 2);
  for (const int64_t name : names) {
    const sql::Value of_name[] = {name};
    REQUIRE(connection.Execute(sql::Query::kDeleteAttributeName, of_name).ok());
  }
  const sql::Value row[] = {prefix,     column,     (*kind)->indexed_since, std::string_view(),
                            int64_t{0}, (*kind)->id};
  REQUIRE(connection.ExecuteMany(sql::Query::kUpdateKind, row, 6).ok());
  REQUIRE(connection.Commit().ok());
}

TEST_CASE("AttributeIndex: what another version of kubase indexed otherwise is indexed anew") {
  const std::string key = kWidgetsPrefix + "a/b";
  const std::string column = GENERATE(".spec.color\n", "0 other\n.spec.color\n");
  StoreFixture fixture;
  REQUIRE(fixture.Put(WidgetDefinition(".spec.color")).ok());
  const std::string value = R"({"metadata":{"labels":{"app":"x"}},"spec":{"color":"red"}})";
  REQUIRE(fixture.Put({.key = key, .value = value}).ok());
  AwaitIndex(fixture);
  MakeOtherwise(fixture, kWidgetsPrefix, column);
  fixture.Open();
  using Keys = std::vector<std::string>;
  CHECK(ListKeys(fixture, kWidgets, "app=x", "spec.color=red") == Keys{key});
  CHECK(ListKeys(fixture, kWidgets, "app=y", "").empty());
  const AttributeReport report = AwaitIndex(fixture);
  CAPTURE(report.told);
  CHECK(report.faults == 0);
  CHECK(report.kinds == 2);
  CHECK(report.entries == 2);
}

TEST_CASE("ScanMatching: keys of another layout tell no names, so that all are given") {
  StoreFixture fixture;
  const std::string value = R"({"metadata":{"labels":{"app":"x"}}})";
  for (const char* key : {"/prod/pods/ns/foo", "/registry/example.com/example.com/flunders/ns/foo",
                          "/registry/example.com/a", "/registry/example.com/shirts/ns/c"}) {
    REQUIRE(fixture.Put({.key = key, .value = value}).ok());
  }
  CHECK(ListKeys(fixture, {"/prod/pods/", "/prod/pods0"}, "", "metadata.name=foo").size() == 1);
  CHECK(ListKeys(fixture, {"/prod/pods/", "/prod/pods0"}, "", "metadata.namespace=ns").size() == 1);
  CHECK(ListKeys(fixture,
                 {"/registry/example.com/example.com/", "/registry/example.com/example.com0"}, "",
                 "metadata.name=foo")
            .size() == 1);
  const KeyRange group{"/registry/example.com/", "/registry/example.com0"};
  CHECK(ListKeys(fixture, group, "app=x", "").size() == 3);
  AwaitIndex(fixture);
  fixture.Open();
  CHECK(ListKeys(fixture, group, "app=x", "").size() == 3);
}

TEST_CASE(
    "ScanMatching: a key of another layout among those of a kind is given, whatever its names") {
  StoreFixture fixture;
  const std::string value = R"({"metadata":{"labels":{"app":"x"}}})";
  for (const char* name : {"a/b", "ns/a", "ns/a/b", "other/c"}) {
    REQUIRE(fixture.Put({.key = kWidgetsPrefix + name, .value = value}).ok());
  }
  using Keys = std::vector<std::string>;
  const std::string foreign = kWidgetsPrefix + "ns/a/b";
  const bool restarted = GENERATE(false, true);
  if (restarted) {
    AwaitIndex(fixture);
    fixture.Open();
  }
  CHECK(ListKeys(fixture, kWidgets, "", "metadata.namespace=other") ==
        Keys{foreign, kWidgetsPrefix + "other/c"});
  CHECK(ListKeys(fixture, kWidgets, "", "metadata.name=zzz") == Keys{foreign});
  CHECK(ListKeys(fixture, kWidgets, "app=x,app!=x", "") == Keys{});
  CHECK(ListKeys(fixture, kWidgets, "app=x", "metadata.name=c").size() == 2);
}

TEST_CASE("ScanMatching: labels that decoding adds are seen in lists of several kinds, too") {
  StoreFixture fixture;
  const std::string key = "/registry/namespaces/a";
  REQUIRE(fixture
              .Put({.key = key,
                    .value = R"({"kind":"Namespace","apiVersion":"v1","metadata":{"name":"a"}})"})
              .ok());
  const KeyRange all{"/registry/", "/registry0"};
  CHECK(ListKeys(fixture, all, "kubernetes.io/metadata.name=a", "").size() == 1);
  CHECK(ListKeys(fixture, all, "kubernetes.io/metadata.name=b", "").empty());
}

}  // namespace
}  // namespace kubase::store
