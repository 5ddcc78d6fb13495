// Owners that leave orphans, while others write between the steps of the collector.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "shim/base/limits.h"
#include "shim/store/stepwise_fixture_test.h"

namespace kubase::store {
namespace {

constexpr int kSteps = 3;
constexpr int kChildren = kSteps * limits::kCollectionStepObjectsMin;

const Spec kOrphaningOwner{.name = "owner", .finalizers = {"orphan"}, .deleting = true};

// Of an owner whose dependents take several steps.
class Orphaning : public Stepwise {
 public:
  Orphaning() {
    Create({.name = "owner"});
    for (const std::string& child : Children()) Create({.name = child, .owners = {{"owner"}}});
    Settle();
  }
  static std::vector<std::string> Children() {
    std::vector<std::string> names;
    for (int i = 0; i < kChildren; ++i) names.push_back(fmt::format("child-{:02}", i));
    return names;
  }
  // The owner is deleted; these are written after the first step.
  void OrphanAndWrite(const std::vector<Spec>& specs) {
    CreateAndWrite(kOrphaningOwner, specs);
    CHECK_FALSE(IsThere("owner"));
  }
  void CheckOrphans(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      INFO(name);
      const auto orphan = Read(name);
      REQUIRE(orphan);
      CHECK(orphan->owners.empty());
    }
  }
};

TEST_CASE_METHOD(Orphaning,
                 "orphans: a dependent that moves behind the collector is none the less one") {
  Create({.name = "a-blocking", .owners = {{.name = "owner", .blocks = true}}});
  Create({.name = "z-labelled", .owners = {{"owner"}}});
  OrphanAndWrite({{.name = "a-blocking", .owners = {{"owner"}}},
                  {.name = "z-labelled", .owners = {{"owner"}}, .labelled = false}});
  CheckOrphans({"a-blocking", "z-labelled"});
  CheckOrphans(Children());
}

TEST_CASE_METHOD(Orphaning, "orphans: more than a step of them move behind the collector") {
  std::vector<Spec> moved;
  std::vector<std::string> names;
  for (int i = 0; i < kChildren; ++i) {
    names.push_back(fmt::format("a-{:02}", i));
    Create({.name = names.back(), .owners = {{.name = "owner", .blocks = true}}});
    moved.push_back({.name = names.back(), .owners = {{"owner"}}});
  }
  OrphanAndWrite(moved);
  CheckOrphans(names);
  CheckOrphans(Children());
}

TEST_CASE_METHOD(Orphaning,
                 "orphans: who comes behind the collector is one while the owner is there") {
  OrphanAndWrite({{.name = "a-new", .owners = {{"owner"}}}});
  CheckOrphans({"a-new"});
}

TEST_CASE_METHOD(Orphaning, "orphans: those that cannot be changed hold nobody up") {
  for (int i = 0; i < kChildren; ++i) {
    const std::string name = fmt::format("ambiguous-{:02}", i);
    const std::string text = TextOf({.name = name, .owners = {{"owner"}}});
    Set(KeyOf(name), R"({"twice":1,"twice":1,)" + text.substr(1));
  }
  Create({.name = "z-blocking", .owners = {{.name = "owner", .blocks = true}}});
  OrphanAndWrite({{.name = "z-blocking", .owners = {{"owner"}}}});
  CheckOrphans({"z-blocking"});
  CheckOrphans(Children());
  CHECK(Skipped("unreadable") > 0);
}

TEST_CASE_METHOD(Orphaning, "orphans: an index that is wrong holds nobody up, and writes nothing") {
  Create({.name = "other"});
  Create({.name = "a-stranger", .owners = {{"other"}}});
  std::string rows;
  for (const std::string& name : Children()) {
    rows += fmt::format("{}(CAST('{}' AS BLOB), 4, CAST('{}' AS BLOB))", rows.empty() ? "" : ",",
                        UidOf("owner"), KeyOf("a-" + name));
  }
  rows += fmt::format(",(CAST('{}' AS BLOB), 4, CAST('{}' AS BLOB))", UidOf("owner"),
                      KeyOf("a-stranger"));
  REQUIRE(data().RunScript("INSERT INTO dependents VALUES" + rows) == kChildren + 1);
  OrphanAndWrite({{.name = "a-a", .owners = {{"owner"}}}});
  CheckOrphans({"a-a"});
  CheckOrphans(Children());
  const auto stranger = Range({.range = {.key = KeyOf("a-stranger")}});
  REQUIRE(stranger.ok());
  CHECK(stranger->kvs.at(0)->version == 1);
}

}  // namespace
}  // namespace kubase::store
