// Whole collections through a store: what goes, what stays, and in which order.
#include "shim/store/collector.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "shim/collect/metadata_edit.h"
#include "shim/collect/object_metadata.h"
#include "shim/store/store_fixture_test.h"

namespace kubase::store {
namespace {

constexpr char kLabel[] = R"("labels":{"skip-controller-manager-metadata-caching":""},)";

struct Reference {
  std::string name;
  std::string kind = "Widget";
  std::string version = "example.com/v1";
  std::string uid;  // "": that of the name
  bool blocks = false;
};

struct Spec {
  std::string name;
  std::vector<Reference> owners = {};
  bool labelled = true;
  std::vector<std::string> finalizers = {};
  bool deleting = false;
};

std::string UidOf(const std::string& name) {
  return "uid-of-" + name;
}

std::string TextOf(const Spec& spec) {
  std::string owners, finalizers;
  for (const Reference& owner : spec.owners) {
    owners += fmt::format(
        R"({}{{"apiVersion":"{}","kind":"{}","name":"{}","uid":"{}","blockOwnerDeletion":{}}})",
        owners.empty() ? "" : ",", owner.version, owner.kind, owner.name,
        owner.uid.empty() ? UidOf(owner.name) : owner.uid, owner.blocks);
  }
  for (const std::string& finalizer : spec.finalizers) {
    finalizers += fmt::format(R"({}"{}")", finalizers.empty() ? "" : ",", finalizer);
  }
  return fmt::format(R"({{"kind":"Widget","metadata":{{"name":"{}","uid":"{}",{}{}"generation":1,)"
                     R"("ownerReferences":[{}],"finalizers":[{}]}}}})",
                     spec.name, UidOf(spec.name), spec.labelled ? kLabel : "",
                     spec.deleting ? R"("deletionTimestamp":"2026-01-02T03:04:05Z",)"
                                     R"("deletionGracePeriodSeconds":0,)"
                                   : "",
                     owners, finalizers);
}

std::string Definition(const std::string& plural, const std::string& kind,
                       const std::string& scope) {
  return fmt::format(
      R"({{"metadata":{{"name":"{0}.example.com","uid":"definition-{0}"}},)"
      R"("spec":{{"group":"example.com","names":{{"plural":"{0}","kind":"{1}"}},"scope":"{2}",)"
      R"("versions":[{{"name":"v1","served":true,"storage":true}}]}}}})",
      plural, kind, scope);
}

// Widgets are in the namespace "a", gears are of the cluster.
class Collected : public StoreFixture {
 public:
  Collected() {
    Define("widgets", "Widget", "Namespaced");
    Define("gears", "Gear", "Cluster");
  }
  void Define(const std::string& plural, const std::string& kind, const std::string& scope) {
    Set("/registry/apiextensions.k8s.io/customresourcedefinitions/" + plural + ".example.com",
        Definition(plural, kind, scope));
  }
  void Set(const std::string& key, const std::string& value) {
    REQUIRE(Put({.key = key, .value = value}).ok());
  }
  static std::string KeyOf(const std::string& name) {
    return "/registry/example.com/widgets/a/" + name;
  }
  void Create(const Spec& spec) { Set(KeyOf(spec.name), TextOf(spec)); }
  void Remove(const std::string& name) { REQUIRE(Delete({.key = KeyOf(name)}).ok()); }

  // Null: it is gone.
  std::optional<collect::ObjectMetadata> Read(const std::string& name) {
    return ReadKey(KeyOf(name));
  }
  std::optional<collect::ObjectMetadata> ReadKey(const std::string& key) {
    const auto range = Range({.range = {.key = key}});
    REQUIRE(range.ok());
    if (range->kvs.empty()) return std::nullopt;
    const auto object = collect::ReadMetadata(range->kvs.front()->value);
    REQUIRE(object.has_value());
    return object;
  }
  bool IsThere(const std::string& name) { return Read(name).has_value(); }
  Revision CurrentRevision() { return store().current_revision(); }

  // Until nothing is due. Every write lets the writer go on.
  void Settle() {
    for (int i = 0; i < 100'000; ++i) {
      Set("/tick", "");
      if (Gauge("due") == 0) return;
    }
    FAIL("the collector does not come to an end");
  }
  double Gauge(const std::string& state) {
    for (const auto& family : registry().Collect()) {
      if (family.name != "kubase_gc_owed") continue;
      for (const auto& metric : family.metric) {
        if (metric.label.front().value == state) return metric.gauge.value;
      }
    }
    return -1;
  }
};

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
  CHECK(CurrentRevision() >= before + 21);
}

Result<TxnResponse> DeleteAsCollector(Collected& store, const std::string& name) {
  TxnRequest request{.by_garbage_collector = true};
  request.success.push_back({DeleteRangeRequest{.range = {.key = Collected::KeyOf(name)}}});
  return store.Txn(std::move(request));
}

TEST_CASE_METHOD(Collected, "the other collector leaves to the storage what that collects") {
  Create({.name = "owner"});
  Create({.name = "labelled"});
  Create({.name = "owned", .owners = {{"owner"}}, .labelled = false});
  Create({.name = "owns", .labelled = false});
  Create({.name = "child", .owners = {{"owns"}}});
  for (const char* const name : {"labelled", "owned", "owns"}) {
    const auto refused = DeleteAsCollector(*this, name);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::kCollectedByStorage);
    CHECK(IsThere(name));
  }
  Create({.name = "alone", .labelled = false});
  Create({.name = "dangling", .owners = {{"nobody"}}, .labelled = false});
  Create({.name = "kept", .owners = {{"alone"}}, .labelled = false});
  Create({.name = "ending", .owners = {{"alone"}}, .labelled = false, .deleting = true});
  CHECK(DeleteAsCollector(*this, "ending").ok());      // by taking its last finalizer away
  CHECK_FALSE(DeleteAsCollector(*this, "kept").ok());  // its owner is there
  CHECK(DeleteAsCollector(*this, "dangling").ok());
  CHECK(DeleteAsCollector(*this, "alone").ok());
  Settle();
  CHECK(IsThere("owned"));
  CHECK(IsThere("owns"));
}

TEST_CASE_METHOD(Collected,
                 "the other collector may take references away, but not to live owners") {
  Create({.name = "orphaning", .labelled = false, .finalizers = {"orphan"}, .deleting = true});
  Create({.name = "alive"});
  Create({.name = "child", .owners = {{"orphaning"}, {"alive"}}, .labelled = false});
  const auto put = [this](const Spec& spec) {
    TxnRequest request{.by_garbage_collector = true};
    request.success.push_back({PutRequest{.key = KeyOf(spec.name), .value = TextOf(spec)}});
    return Txn(std::move(request)).ok();
  };
  CHECK_FALSE(put({.name = "child", .owners = {{"orphaning"}}, .labelled = false}));
  CHECK(put({.name = "child", .owners = {{"alive"}}, .labelled = false}));
  CHECK_FALSE(put({.name = "child", .labelled = false}));
  Create({.name = "strange", .owners = {{.name = "x", .kind = "Unserved"}}, .labelled = false});
  CHECK(put({.name = "strange", .labelled = false}));
  // A node of its graph that it made up for an owner it does not see has no references to keep.
  Create({.name = "waiting", .finalizers = {"foregroundDeletion"}, .deleting = true});
  Create({.name = "held", .owners = {{.name = "waiting", .blocks = true}}});
  Create({.name = "between", .owners = {{"waiting"}}, .finalizers = {"example.com/hold"}});
  CHECK_FALSE(put({.name = "between", .finalizers = {"example.com/hold"}}));
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
}

}  // namespace
}  // namespace kubase::store
