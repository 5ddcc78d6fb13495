// Whole collections through a store: what goes, what stays, and in which order.
#include "shim/store/collector.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "shim/store/collector_fixture_test.h"

namespace kubase::store {
namespace {

TEST_CASE_METHOD(Collected, "dependents of a deleted owner go with it") {
  Create({.name = "owner"});
  Create({.name = "one", .owners = {{"owner"}}});
  Create({.name = "unlabelled", .owners = {{"owner"}}, .labelled = false});
  Create({.name = "grandchild", .owners = {{"one"}}});
  Create({.name = "stranger"});
  Remove("owner");
  Settle();
  CHECK_FALSE(IsThere("one"));
  CHECK_FALSE(IsThere("unlabelled"));
  CHECK_FALSE(IsThere("grandchild"));
  CHECK(IsThere("stranger"));
  CHECK(Gauge("waiting") == 0);
}

TEST_CASE_METHOD(Collected, "a labelled dependent of an owner without the label goes too") {
  Create({.name = "owner", .labelled = false});
  Create({.name = "labelled", .owners = {{"owner"}}});
  Create({.name = "unlabelled", .owners = {{"owner"}}, .labelled = false});
  Remove("owner");
  Settle();
  CHECK_FALSE(IsThere("labelled"));
  CHECK(IsThere("unlabelled"));  // kube-controller-manager sees both it and its owner
}

TEST_CASE_METHOD(Collected, "a dependent with another owner loses the dead reference alone") {
  Create({.name = "dead"});
  Create({.name = "alive"});
  Create({.name = "child", .owners = {{"dead"}, {"alive"}}});
  Remove("dead");
  Settle();
  const auto child = Read("child");
  REQUIRE(child);
  REQUIRE(child->owners.size() == 1);
  CHECK(child->owners.front().name == "alive");
  Remove("alive");
  Settle();
  CHECK_FALSE(IsThere("child"));
}

TEST_CASE_METHOD(Collected, "a dependent with finalizers waits for them") {
  Create({.name = "owner"});
  Create({.name = "held", .owners = {{"owner"}}, .finalizers = {"example.com/hold"}});
  Create({.name = "below", .owners = {{"held"}}});
  Remove("owner");
  Settle();
  const auto held = Read("held");
  REQUIRE(held);
  CHECK(held->IsBeingDeleted());
  CHECK(held->deletion_grace_seconds == 0);
  CHECK(held->generation == 2);
  CHECK(IsThere("below"));
  Remove("held");  // as kube-apiserver does with the last finalizer
  Settle();
  CHECK_FALSE(IsThere("below"));
}

TEST_CASE_METHOD(Collected, "an owner in the foreground goes after those that block it") {
  Create({.name = "owner"});
  Create({.name = "quick", .owners = {{.name = "owner", .blocks = true}}});
  Create({.name = "held",
          .owners = {{.name = "owner", .blocks = true}},
          .finalizers = {"example.com/hold"}});
  Create({.name = "owner", .finalizers = {"foregroundDeletion"}, .deleting = true});
  Settle();
  CHECK_FALSE(IsThere("quick"));
  CHECK(Read("held")->IsBeingDeleted());
  CHECK(IsThere("owner"));
  CHECK(Gauge("waiting") == 1);
  Remove("held");
  Settle();
  CHECK_FALSE(IsThere("owner"));
  CHECK(Gauge("waiting") == 0);
}

TEST_CASE_METHOD(Collected, "an owner in the foreground keeps finalizers of others") {
  Create({.name = "owner"});
  Create({.name = "child", .owners = {{.name = "owner", .blocks = true}}});
  Create({.name = "owner",
          .finalizers = {"example.com/hold", "foregroundDeletion"},
          .deleting = true});
  Settle();
  CHECK_FALSE(IsThere("child"));
  const auto owner = Read("owner");
  REQUIRE(owner);
  CHECK(owner->finalizers == std::vector<std::string>{"example.com/hold"});
}

TEST_CASE_METHOD(Collected, "foreground deletion goes down through dependents of dependents") {
  Create({.name = "top"});
  Create({.name = "middle", .owners = {{.name = "top", .blocks = true}}});
  Create({.name = "bottom",
          .owners = {{.name = "middle", .blocks = true}},
          .finalizers = {"example.com/hold"}});
  Create({.name = "top", .finalizers = {"foregroundDeletion"}, .deleting = true});
  Settle();
  REQUIRE(IsThere("middle"));
  CHECK(Read("middle")->WaitsForDependents());
  CHECK(IsThere("top"));
  Remove("bottom");
  Settle();
  CHECK_FALSE(IsThere("middle"));
  CHECK_FALSE(IsThere("top"));
}

TEST_CASE_METHOD(Collected, "a cycle in the foreground comes to an end") {
  Create({.name = "a", .owners = {{.name = "b", .blocks = true}}});
  Create({.name = "b", .owners = {{.name = "a", .blocks = true}}});
  Settle();
  Create({.name = "a",
          .owners = {{.name = "b", .blocks = true}},
          .finalizers = {"foregroundDeletion"},
          .deleting = true});
  Settle();
  CHECK_FALSE(IsThere("a"));
  CHECK_FALSE(IsThere("b"));
}

TEST_CASE_METHOD(Collected, "a cycle in the background goes as well") {
  Create({.name = "a", .owners = {{"b"}}});
  Create({.name = "b", .owners = {{"c"}}});
  Create({.name = "c", .owners = {{"a"}}});
  Settle();
  Remove("a");
  Settle();
  CHECK_FALSE(IsThere("b"));
  CHECK_FALSE(IsThere("c"));
}

TEST_CASE_METHOD(Collected, "orphans lose the reference and stay") {
  Create({.name = "owner"});
  Create({.name = "labelled", .owners = {{"owner"}}});
  Create({.name = "unlabelled", .owners = {{"owner"}}, .labelled = false});
  Create({.name = "owner", .finalizers = {"orphan"}, .deleting = true});
  Settle();
  CHECK_FALSE(IsThere("owner"));
  REQUIRE(IsThere("labelled"));
  REQUIRE(IsThere("unlabelled"));
  CHECK(Read("labelled")->owners.empty());
  CHECK(Read("unlabelled")->owners.empty());
}

TEST_CASE_METHOD(Collected, "an owner that never existed counts as gone") {
  Create({.name = "owner"});
  Create({.name = "dangling", .owners = {{"nobody"}}});
  Create({.name = "other-uid", .owners = {{.name = "owner", .uid = "another"}}});
  Create({.name = "other-kind", .owners = {{.name = "owner", .kind = "Gear"}}});
  Create({.name = "unlabelled", .owners = {{"nobody"}}, .labelled = false});
  Settle();
  CHECK_FALSE(IsThere("dangling"));
  CHECK_FALSE(IsThere("other-uid"));
  CHECK_FALSE(IsThere("other-kind"));
  CHECK(IsThere("unlabelled"));
}

TEST_CASE_METHOD(Collected, "an owner whose kind is not served is waited for") {
  Create({.name = "child", .owners = {{.name = "crank", .kind = "Crank"}}});
  Create({.name = "other-version", .owners = {{.name = "crank", .version = "example.com/v2"}}});
  Settle();
  CHECK(IsThere("child"));
  CHECK(Gauge("waiting") == 2);
  Define("cranks", "Crank", "Namespaced");
  Settle();
  CHECK_FALSE(IsThere("child"));
  CHECK(IsThere("other-version"));
}

TEST_CASE_METHOD(Collected, "dependents go even when the kind of their owner goes first") {
  Define("cranks", "Crank", "Namespaced");
  Set("/registry/example.com/cranks/a/owner", TextOf({.name = "owner"}));
  for (int i = 0; i < 100; ++i) {
    Create({.name = fmt::format("child-{}", i), .owners = {{.name = "owner", .kind = "Crank"}}});
  }
  TxnRequest both;
  both.success.push_back({DeleteRangeRequest{{"/registry/example.com/cranks/a/owner"}}});
  both.success.push_back({DeleteRangeRequest{
      {"/registry/apiextensions.k8s.io/customresourcedefinitions/cranks.example.com"}}});
  REQUIRE(Txn(std::move(both)).ok());
  Settle();
  CHECK_FALSE(IsThere("child-0"));
  CHECK_FALSE(IsThere("child-99"));
  CHECK(Gauge("waiting") == 0);
}

TEST_CASE_METHOD(Collected,
                 "a reference by a version that is not served stays when its owner goes") {
  Create({.name = "owner"});
  Create({.name = "child", .owners = {{.name = "owner", .version = "example.com/v9"}}});
  Remove("owner");
  Settle();
  CHECK(IsThere("child"));
}

TEST_CASE_METHOD(Collected, "an object of the cluster is left alone by owners in namespaces") {
  const std::string key = "/registry/example.com/gears/gear";
  Set(key, TextOf({.name = "gear", .owners = {{"nobody"}}}));
  Settle();
  CHECK(ReadKey(key).has_value());
  CHECK(Gauge("waiting") == 0);
}

TEST_CASE_METHOD(Collected, "who has had the label still has its dependents collected") {
  Create({.name = "owner"});
  Create({.name = "child", .owners = {{"owner"}}, .labelled = false});
  Create({.name = "owner", .labelled = false});
  Remove("owner");
  Settle();
  CHECK_FALSE(IsThere("child"));
}

TEST_CASE_METHOD(Collected, "what is owed survives the end of the process") {
  constexpr int kDependents = 3000;
  Create({.name = "owner"});
  for (int i = 0; i < kDependents; ++i) {
    Create({.name = fmt::format("child-{}", i), .owners = {{"owner"}}});
  }
  Remove("owner");
  Close();
  Open();
  Settle();
  const auto left = Range({.range = {.key = KeyOf("child"), .range_end = KeyOf("childx")}});
  REQUIRE(left.ok());
  CHECK(left->count == 0);
}

TEST_CASE_METHOD(Collected, "each change is a revision of its own") {
  Create({.name = "owner"});
  for (int i = 0; i < 20; ++i) {
    Create({.name = fmt::format("child-{}", i), .owners = {{"owner"}}});
  }
  const Revision before = CurrentRevision();
  Remove("owner");
  Settle();
  int64_t left = 20;
  for (Revision revision = before + 1; revision <= CurrentRevision(); ++revision) {
    const auto then = Range(
        {.range = {.key = KeyOf("child"), .range_end = KeyOf("childx")}, .revision = revision});
    REQUIRE(then.ok());
    CHECK(left - then->count <= 1);
    left = then->count;
  }
  CHECK(left == 0);
}

TEST_CASE_METHOD(Collected, "a step that the database undoes leaves nothing behind") {
  if (testing::TestDatabase::OnServer()) return;
  Create({.name = "owner"});
  Create({.name = "one", .owners = {{"owner"}}});
  Create({.name = "two", .owners = {{"owner"}}});
  data().RunScript(
      "CREATE TRIGGER undo BEFORE DELETE ON collections BEGIN SELECT RAISE(ROLLBACK, 'undone'); "
      "END");
  Remove("owner");
  const Revision before = CurrentRevision();
  for (int i = 1; i <= 3; ++i) Set("/tick", "");
  CHECK(CurrentRevision() == before + 3);
  CHECK(IsThere("one"));
  CHECK(IsThere("two"));
  data().RunScript("DROP TRIGGER undo");
  Settle();
  CHECK_FALSE(IsThere("one"));
  CHECK_FALSE(IsThere("two"));
}

TEST_CASE_METHOD(Collected, "what cannot be read is no outage") {
  Create({.name = "owner"});
  Set(KeyOf("text"), "neither JSON nor protobuf");
  Set(KeyOf("broken"), R"({"metadata":{"uid":"x","ownerReferences":"none"}})");
  Set(KeyOf("half"), R"({"metadata":{"uid":"y","ownerReferences":[{"uid":)");
  Create({.name = "child", .owners = {{"owner"}}});
  Remove("owner");
  Settle();
  CHECK_FALSE(IsThere("child"));
  CHECK(Skipped("unreadable") == 3);
}

}  // namespace
}  // namespace kubase::store
