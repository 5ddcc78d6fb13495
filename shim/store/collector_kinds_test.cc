// The collector and the kinds of owners: which are served, which have gone, and who waits for them.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>

#include "shim/store/collector_fixture_test.h"
#include "tests/support/counting_observer.h"

namespace kubase::store {
namespace {

const std::string kDefinitions = "/registry/apiextensions.k8s.io/customresourcedefinitions/";

// Of the kind Crank, which is not served until a test defines it.
Reference Crank(const std::string& name) {
  return {.name = name, .kind = "Crank"};
}

TEST_CASE_METHOD(Collected, "a definition that is not accepted takes no kind from another") {
  Create({.name = "owner"});
  Set(kDefinitions + "widgetz.example.com",
      R"({"metadata":{"uid":"z"},"spec":{"group":"example.com","scope":"Namespaced",)"
      R"("names":{"plural":"widgetz","kind":"Widget"},"versions":[{"name":"v1","served":true}]},)"
      R"("status":{"conditions":[{"type":"NamesAccepted","status":"False"},)"
      R"({"type":"Established","status":"False"}],"acceptedNames":{"plural":"","kind":""}}})");
  Create({.name = "child", .owners = {{"owner"}}});
  Settle();
  CHECK(IsThere("child"));
  REQUIRE(Delete({.key = kDefinitions + "widgetz.example.com"}).ok());
  Remove("owner");
  Settle();
  CHECK_FALSE(IsThere("child"));
}

TEST_CASE_METHOD(Collected, "who waits for a kind is judged again when its owners change") {
  Create({.name = "child", .owners = {Crank("one"), {"nobody"}}});
  Settle();
  REQUIRE(Gauge("waiting") == 1);
  Create({.name = "child", .owners = {{"nobody"}}});
  Settle();
  CHECK_FALSE(IsThere("child"));
  CHECK(Gauge("waiting") == 0);
}

TEST_CASE_METHOD(Collected, "who waits for a kind is still its gone owner's dependent") {
  Create({.name = "owner"});
  Create({.name = "child", .owners = {{"owner"}, Crank("one")}, .labelled = false});
  Remove("owner");
  Settle();
  REQUIRE(IsThere("child"));
  CHECK(Gauge("waiting") == 1);
  Define("cranks", "Crank", "Namespaced");
  Settle();
  CHECK_FALSE(IsThere("child"));
}

TEST_CASE_METHOD(Collected, "a dependent of two owners goes even when their kind goes first") {
  Define("cranks", "Crank", "Namespaced");
  TxnRequest all;
  for (const char* const name : {"one", "two"}) {
    const std::string key = std::string("/registry/example.com/cranks/a/") + name;
    Set(key, TextOf({.name = name}));
    all.success.push_back({DeleteRangeRequest{{key}}});
  }
  all.success.push_back({DeleteRangeRequest{{kDefinitions + "cranks.example.com"}}});
  Create({.name = "child", .owners = {Crank("one"), Crank("two")}});
  REQUIRE(Txn(std::move(all)).ok());
  Settle();
  CHECK_FALSE(IsThere("child"));
  CHECK(Gauge("waiting") == 0);
}

TEST_CASE("Collector: who waits for kinds is woken by new ones alone, and in parts") {
  testing::CountingObserver statements;
  Collected fixture(&statements);
  constexpr int kChildren = 2000;
  for (int i = 0; i < kChildren; ++i) {
    fixture.Create({.name = fmt::format("child-{}", i), .owners = {Crank("nobody")}});
  }
  fixture.Settle();
  REQUIRE(fixture.Gauge("waiting") == kChildren);
  fixture.Define("widgets", "Widget", "Namespaced");
  fixture.Settle();
  CHECK(statements.Take("wake_collections") == 0);
  fixture.Define("cranks", "Crank", "Namespaced");
  fixture.Settle();
  CHECK(statements.Take("wake_collections") > 1);
  CHECK(fixture.Gauge("waiting") == 0);
  CHECK_FALSE(fixture.IsThere("child-0"));
  CHECK_FALSE(fixture.IsThere(fmt::format("child-{}", kChildren - 1)));
}

}  // namespace
}  // namespace kubase::store
