#include "shim/store/attribute_check.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "shim/store/indexed_kind.h"
#include "shim/store/random_widgets_test.h"
#include "shim/store/store_fixture_test.h"
#include "shim/store/widgets_test.h"

namespace kubase::store {
namespace {

// A database of some objects, with its server or without.
class Database {
 public:
  Database() {
    PutDefinition(".spec.color");
    RandomWidgets random(7);
    for (int i = 0; i < 400; ++i) Put(random.Key(), random.Value());
    for (int i = 0; i < 20; ++i) REQUIRE(fixture_.Delete({random.Key(), ""}).ok());
    Put(kWidgetsPrefix + "z/marked",
        R"({"metadata":{"labels":{"mark":"yes"}},"spec":{"color":"red"}})");
    Put("/registry/configmaps/a/c", R"({"metadata":{"labels":{"mark":"yes"}}})");
  }

  void PutDefinition(const std::string& json_path) {
    REQUIRE(fixture_.Put(WidgetDefinition(json_path)).ok());
  }
  void Put(const std::string& key, const std::string& value) {
    REQUIRE(fixture_.Put({.key = key, .value = value}).ok());
  }

  static bool IsSqlite() {
    return testing::TestDatabase::engine() == testing::TestDatabase::Engine::kSqlite;
  }
  // As of a server that is not there.
  void Damage(const std::string& statement) {
    fixture_.Close();
    CHECK(fixture_.data().RunScript(statement) > 0);
    fixture_.Open();
  }

 private:
  template <typename Work>
  auto Offline(const Work& work) {
    fixture_.Close();
    auto result = [&] {
      const auto database = fixture_.data().Open();
      auto connection = database->Connect(sql::Access::kWrite);
      REQUIRE(connection.ok());
      return work(**connection);
    }();
    REQUIRE(result.ok());
    fixture_.Open();
    return std::move(result).value();
  }

 public:
  AttributeReport Check() {
    return Offline([](sql::Connection& connection) { return CheckAttributes(connection); });
  }
  void Repair(const AttributeReport& report) {
    Offline([&](sql::Connection& connection) -> Result<bool> {
      KUBASE_TRY(RepairAttributes(connection, report.to_repair));
      return true;
    });
  }

  std::vector<std::string> List(const std::string& labels, const std::string& fields) {
    return ListKeys(fixture_, kWidgets, labels, fields);
  }

 private:
  StoreFixture fixture_;
};

TEST_CASE("CheckAttributes: an index that was only written by the store has no faults") {
  Database database;
  const AttributeReport report = database.Check();
  CAPTURE(report.told);
  CHECK(report.faults == 0);
  CHECK(report.kinds == 3);
  CHECK(report.unfinished == 0);
  CHECK(report.objects > 50);
  CHECK(report.entries > report.objects);
}

TEST_CASE("CheckAttributes: each way in which the index can differ is found, told and repaired") {
  const std::string of_mark =
      "name = (SELECT a.id FROM attribute_names a JOIN kinds k ON k.id = a.kind "
      "WHERE a.name = CAST('l/mark' AS BLOB) AND k.prefix = CAST('/registry/example.com/widgets/' "
      "AS BLOB))";
  const std::string color_of_marked =
      "object_name = CAST('z/marked' AS BLOB) AND value = CAST('red' AS BLOB)";
  const auto& [damage, told] = GENERATE_COPY(table<std::string, std::string>({
      {"DELETE FROM attributes WHERE " + of_mark, "z/marked: the entry l/mark=yes is missing"},
      {"UPDATE attributes SET end_revision = 3 WHERE " + of_mark, "l/mark=yes is missing"},
      {"UPDATE attributes SET object = object + 1 WHERE " + of_mark, "belongs to another row"},
      {"INSERT INTO attributes(name, value, object_name, since, end_revision, object) "
       "SELECT name, value, CAST('z/nobody' AS BLOB), since, 0, object FROM attributes WHERE " +
           of_mark,
       "1 entries of l/mark belong to no object"},
      {"DELETE FROM attributes WHERE " + color_of_marked, "the entry f/spec.color=red is missing"},
      {"UPDATE kinds SET foreign_values = 0", "is no Kubernetes object, which is not noted"},
      {fmt::format("UPDATE kinds SET fields = CAST('{}\n.spec.size\n' AS BLOB) "
                   "WHERE prefix = CAST('{}' AS BLOB)",
                   FormOf(*select::CustomFields({".spec.size"})), kWidgetsPrefix),
       "widgets.example.com is indexed by other fields than its definition makes selectable"},
      {"DELETE FROM kinds WHERE prefix = CAST('/registry/configmaps/' AS BLOB)",
       "configmaps has objects, but is not in the index"},
  }));
  CAPTURE(damage);
  Database database;
  database.Put(kWidgetsPrefix + "z/foreign", "nothing of Kubernetes");
  const std::vector<std::string> marked = {kWidgetsPrefix + "z/foreign",
                                           kWidgetsPrefix + "z/marked"};
  database.Damage(damage);
  const AttributeReport found = database.Check();
  CHECK(found.faults > 0);
  REQUIRE_FALSE(found.told.empty());
  CHECK_THAT(fmt::format("{}", fmt::join(found.told, "; ")), Catch::Contains(told));

  database.Repair(found);
  const AttributeReport repaired = database.Check();
  CAPTURE(repaired.told);
  CHECK(repaired.faults == 0);
  CHECK(repaired.unfinished == 0);
  CHECK(database.List("mark=yes", "metadata.namespace=z") == marked);
  CHECK(database.List("mark=yes", "spec.color=red,metadata.namespace=z") == marked);
}

TEST_CASE("SqlStore: a database from before there was an index answers at once, and is indexed") {
  Database database;
  if (!database.IsSqlite()) return;  // the other engines have had it from the start
  const std::vector<std::string> marked = {kWidgetsPrefix + "z/marked"};
  database.Damage(
      "DROP TABLE dependents; DROP TABLE collections; DROP TABLE attributes; DROP TABLE "
      "attribute_names; DROP TABLE kinds; "
      "UPDATE meta SET schema_version = 1");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  AttributeReport report;
  do {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    CHECK(database.List("mark=yes", "metadata.namespace=z") == marked);
    report = database.Check();
    CHECK(report.faults == 0);
  } while (report.unfinished > 0);
  CHECK(report.kinds == 3);
  CHECK(report.entries > report.objects);
  CHECK(database.List("mark=yes", "spec.color=red,metadata.namespace=z") == marked);
}

TEST_CASE("CheckAttributes: what a running server still has to do is no fault") {
  Database database;
  database.Damage("DELETE FROM attributes; DELETE FROM attribute_names; DELETE FROM kinds");
  const AttributeReport report = database.Check();
  CHECK(report.faults == 0);
}

}  // namespace
}  // namespace kubase::store
