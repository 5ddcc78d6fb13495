#include "shim/store/owner_check.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "shim/store/store_fixture_test.h"

namespace kubase::store {
namespace {

// 50 objects, each with a reference to an owner, and half of them with two.
class Owned : public StoreFixture {
 public:
  Owned() {
    for (int i = 0; i < 50; ++i) {
      const std::string second =
          i % 2 == 0 ? "" : R"(,{"apiVersion":"v1","kind":"Pod","name":"p","uid":"two"})";
      const std::string value =
          fmt::format(R"({{"metadata":{{"uid":"u{}","ownerReferences":[)"
                      R"({{"apiVersion":"v1","kind":"Pod","name":"p","uid":"one"}}{}]}}}})",
                      i, second);
      REQUIRE(
          Put({.key = fmt::format("/registry/example.com/widgets/a/{}", i), .value = value}).ok());
    }
    Close();
  }
  // `work` on a connection of its own.
  template <typename Work>
  auto Offline(const Work& work) {
    const auto database = data().Open();
    auto connection = database->Connect(sql::Access::kWrite);
    REQUIRE(connection.ok());
    return work(**connection);
  }
  OwnerReport Check() {
    auto report = Offline([](sql::Connection& connection) { return CheckOwners(connection); });
    REQUIRE(report.ok());
    return *report;
  }
  void Repair() {
    REQUIRE(Offline([](sql::Connection& connection) { return RepairOwners(connection); }).ok());
  }
};

TEST_CASE_METHOD(Owned, "CheckOwners: a sound index has no faults") {
  const OwnerReport report = Check();
  CHECK(report.references == 75);
  CHECK(report.faults == 0);
}

TEST_CASE_METHOD(Owned, "CheckOwners: what is missing and what is too much is told and mended") {
  const auto key = [](const char* name) {
    return fmt::format("CAST('/registry/example.com/widgets/a/{}' AS BLOB)", name);
  };
  REQUIRE(data().RunScript(fmt::format(
              "DELETE FROM dependents WHERE key = {}; INSERT INTO dependents VALUES({}, 0, {}); "
              "UPDATE dependents SET traits = 4 WHERE key = {}",
              key("1"), "CAST('three' AS BLOB)", key("2"), key("4"))) > 0);
  const OwnerReport report = Check();
  CHECK(report.references == 75);
  CHECK(report.faults == 2 + 1 + 2);
  CHECK(report.told.size() == 5);
  Repair();
  CHECK(Check().faults == 0);
}

TEST_CASE_METHOD(Owned, "CheckOwners: an index that is gone is made anew") {
  REQUIRE(data().RunScript("DELETE FROM dependents") > 0);
  const OwnerReport report = Check();
  CHECK(report.faults == 75);
  CHECK(report.told.size() == 20);
  Repair();
  CHECK(Check().faults == 0);
}

}  // namespace
}  // namespace kubase::store
