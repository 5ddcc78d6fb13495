// What a preview says of small graphs, and whether the collector then does the same to random ones.
#include "shim/store/deletion_preview.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "shim/collect/metadata_edit.h"
#include "shim/collect/object_metadata.h"
#include "shim/store/store_fixture_test.h"

namespace kubase::store {
namespace {

using By = DeletionEffect::By;
using Outcome = DeletionEffect::Outcome;
using collect::Propagation;

struct Reference {
  std::string name;
  std::string kind = "Widget";
  bool blocks = false;
};

struct Spec {
  std::string name;
  std::vector<Reference> owners = {};
  bool labelled = false;
  std::vector<std::string> finalizers = {};
  bool deleting = false;
};

std::string TextOf(const Spec& spec) {
  std::string owners, finalizers;
  for (const Reference& owner : spec.owners) {
    owners += fmt::format(R"({}{{"apiVersion":"example.com/v1","kind":"{}","name":"{}","uid":"{}",)"
                          R"("blockOwnerDeletion":{}}})",
                          owners.empty() ? "" : ",", owner.kind, owner.name, "uid-of-" + owner.name,
                          owner.blocks);
  }
  for (const std::string& finalizer : spec.finalizers) {
    finalizers += fmt::format(R"({}"{}")", finalizers.empty() ? "" : ",", finalizer);
  }
  return fmt::format(
      R"({{"kind":"Widget","metadata":{{"name":"{0}","uid":"uid-of-{0}","labels":{{{1}}},{2})"
      R"("ownerReferences":[{3}],"finalizers":[{4}]}}}})",
      spec.name, spec.labelled ? R"("skip-controller-manager-metadata-caching":"")" : "",
      spec.deleting
          ? R"("deletionTimestamp":"2026-01-02T03:04:05Z","deletionGracePeriodSeconds":0,)"
          : "",
      owners, finalizers);
}

// Widgets of example.com are in the namespace "a", its gears are of the cluster.
class Previewed : public StoreFixture {
 public:
  Previewed() {
    Define("widgets", "Widget", "Namespaced", "example.com");
    Define("gears", "Gear", "Cluster", "example.com");
  }
  void Define(const std::string& plural, const std::string& kind, const std::string& scope,
              const std::string& group) {
    Set(fmt::format("/registry/apiextensions.k8s.io/customresourcedefinitions/{}.{}", plural,
                    group),
        fmt::format(
            R"({{"metadata":{{"name":"{0}.{3}","uid":"definition-{0}"}},"spec":{{"group":"{3}",)"
            R"("names":{{"plural":"{0}","kind":"{1}"}},"scope":"{2}",)"
            R"("versions":[{{"name":"v1","served":true,"storage":true}}]}},)"
            R"("status":{{"conditions":[{{"type":"Established","status":"True"}}],)"
            R"("acceptedNames":{{"plural":"{0}","kind":"{1}"}}}}}})",
            plural, kind, scope, group));
  }
  void Set(const std::string& key, const std::string& value) {
    REQUIRE(Put({.key = key, .value = value}).ok());
  }
  static std::string KeyOf(const std::string& name) {
    return "/registry/example.com/widgets/a/" + name;
  }
  void Create(const Spec& spec) { Set(KeyOf(spec.name), TextOf(spec)); }
  // Null: it is not there.
  KeyValuePtr Get(const std::string& name) {
    const auto range = Range({.range = {.key = KeyOf(name)}});
    REQUIRE(range.ok());
    return range->kvs.empty() ? nullptr : range->kvs.front();
  }

  Result<DeletionPreview> Ask(PreviewRequest request) {
    return Wait<DeletionPreview>(
        [&](auto done) { store().PreviewDeletion(std::move(request), std::move(done)); });
  }
  DeletionPreview Preview(const std::string& name,
                          Propagation propagation = Propagation::kBackground,
                          int64_t limit = 1000) {
    auto preview = Ask({.kind = "widget",
                        .name_space = "a",
                        .name = name,
                        .propagation = propagation,
                        .limit = limit});
    REQUIRE(preview.ok());
    CHECK(preview->complete);
    return std::move(preview).value();
  }

  // As kube-apiserver does it.
  void Delete(const std::string& name, Propagation propagation) {
    const KeyValuePtr pair = Get(name);
    REQUIRE(pair != nullptr);
    const auto object = collect::ReadMetadata(pair->value);
    REQUIRE(object.has_value());
    const auto edit = collect::EditForDeletion(*object, propagation, 0, 1'800'000'000);
    if (!edit) {
      REQUIRE(StoreFixture::Delete({.key = pair->key}).ok());
    } else {
      Set(pair->key, collect::EditMetadata(pair->value, *edit).value());
    }
  }
  // Until the collector has nothing to do. Every write lets the writer go on.
  void Settle() {
    for (int i = 0; i < 100'000; ++i) {
      Set("/tick", "");
      if (IsIdle()) return;
    }
    FAIL("the collector does not come to an end");
  }

 private:
  bool IsIdle() {
    for (const auto& family : registry().Collect()) {
      if (family.name != "kubase_gc_owed") continue;
      for (const auto& metric : family.metric) {
        if (metric.label.front().value == "due") return metric.gauge.value == 0;
      }
    }
    return false;
  }
};

const DeletionEffect& EffectOn(const DeletionPreview& preview, const std::string& name) {
  for (const DeletionEffect& effect : preview.effects) {
    if (effect.object.name == name) return effect;
  }
  FAIL("nothing becomes of " + name);
  return preview.effects.front();
}

TEST_CASE_METHOD(Previewed, "Preview: a deletion in the background reaches all descendants") {
  Create({.name = "owner", .labelled = true});
  Create({.name = "child", .owners = {{"owner"}}});
  Create({.name = "grandchild", .owners = {{"child"}}});
  Create({.name = "stranger"});
  const DeletionPreview preview = Preview("owner");
  CHECK(preview.revision == store().current_revision());
  REQUIRE(preview.effects.size() == 3);
  CHECK(preview.TotalOf(Outcome::kDeleted) == 3);
  CHECK(preview.effects[0].object.Text() == "Widget a/owner");
  CHECK(preview.effects[0].object.group == "example.com");
  CHECK(preview.effects[0].by == By::kRequest);
  CHECK(preview.effects[1].object.Text() == "Widget a/child");
  CHECK(preview.effects[1].why == "owner Widget a/owner goes");
  CHECK(preview.effects[1].by == By::kStorage);
  CHECK(preview.effects[2].why == "owner Widget a/child goes");
  CHECK(preview.effects[2].by == By::kControllerManager);  // neither it nor its owner has the label
}

TEST_CASE_METHOD(Previewed, "Preview: another owner keeps an object, until it goes as well") {
  Create({.name = "owner"});
  Create({.name = "alive"});
  Create({.name = "kept", .owners = {{"owner"}, {"alive"}}});
  Create({.name = "first", .owners = {{"owner"}}});
  Create({.name = "last", .owners = {{"first"}}});
  // "between" comes before "last" does, and goes after it.
  Create({.name = "between", .owners = {{"owner"}, {"last"}}});
  Create({.name = "below", .owners = {{"between"}}});
  const DeletionPreview preview = Preview("owner");
  CHECK(EffectOn(preview, "kept").outcome == Outcome::kDetached);
  CHECK(EffectOn(preview, "kept").why == "has another owner: Widget a/alive");
  CHECK(EffectOn(preview, "between").outcome == Outcome::kDeleted);
  CHECK(EffectOn(preview, "between").why == "owner Widget a/last goes");
  CHECK(EffectOn(preview, "below").outcome == Outcome::kDeleted);
  CHECK(preview.effects.size() == 6);
  CHECK(preview.TotalOf(Outcome::kDeleted) == 5);
  CHECK(preview.TotalOf(Outcome::kDetached) == 1);
}

TEST_CASE_METHOD(Previewed, "Preview: orphans stay, and what they own with them") {
  Create({.name = "owner", .labelled = true});
  Create({.name = "child", .owners = {{"owner"}}});
  Create({.name = "grandchild", .owners = {{"child"}}});
  const DeletionPreview preview = Preview("owner", Propagation::kOrphan);
  REQUIRE(preview.effects.size() == 2);
  CHECK(preview.effects[0].by == By::kStorage);  // takes the finalizer away
  CHECK(preview.effects[1].outcome == Outcome::kOrphaned);
  CHECK(preview.effects[1].why == "loses owner Widget a/owner");
  CHECK(preview.TotalOf(Outcome::kOrphaned) == 1);
}

TEST_CASE_METHOD(Previewed, "Preview: finalizers decide what becomes of dependents") {
  Create({.name = "owner"});
  Create({.name = "orphans", .owners = {{"owner"}}, .finalizers = {"orphan"}});
  Create({.name = "left", .owners = {{"orphans"}}});
  Create({.name = "held", .owners = {{"owner"}}, .finalizers = {"example.com/a", "example.com/b"}});
  Create({.name = "below", .owners = {{"held"}}});
  const DeletionPreview preview = Preview("owner");
  CHECK(EffectOn(preview, "orphans").outcome == Outcome::kDeleted);
  CHECK(EffectOn(preview, "left").outcome == Outcome::kOrphaned);
  CHECK(EffectOn(preview, "held").why ==
        "owner Widget a/owner goes; waits for finalizers example.com/a, example.com/b");
  CHECK(EffectOn(preview, "held").outcome == Outcome::kBlocked);
  CHECK(EffectOn(preview, "below").outcome == Outcome::kBlocked);
  CHECK(EffectOn(preview, "below").why ==
        "owner Widget a/held goes; waits until Widget a/held is gone");
  CHECK(preview.TotalOf(Outcome::kDeleted) == 2);
  CHECK(preview.TotalOf(Outcome::kBlocked) == 2);
}

TEST_CASE_METHOD(Previewed, "Preview: in the foreground what is blocked blocks its owners") {
  const bool held = GENERATE(true, false);
  Create({.name = "owner"});
  Create({.name = "middle", .owners = {{.name = "owner", .blocks = true}}});
  Spec end{.name = "end", .owners = {{.name = "middle", .blocks = true}}};
  if (held) end.finalizers = {"example.com/hold"};
  if (!held) end.owners.push_back({.name = "crank", .kind = "Crank"});
  Create(end);
  Create({.name = "beside", .owners = {{.name = "owner", .blocks = true}}});
  const DeletionPreview preview = Preview("owner", Propagation::kForeground);
  CHECK(EffectOn(preview, "owner").outcome == Outcome::kBlocked);
  CHECK(EffectOn(preview, "middle").outcome == Outcome::kBlocked);
  CHECK(EffectOn(preview, "end").outcome == (held ? Outcome::kBlocked : Outcome::kLeftAlone));
  CHECK(EffectOn(preview, "beside").outcome == Outcome::kDeleted);
  CHECK(preview.totals == std::array<int64_t, 5>{1, held ? 3 : 2, 0, 0, held ? 0 : 1});
}

TEST_CASE_METHOD(Previewed, "Preview: in the foreground owners wait for those that block") {
  Create({.name = "owner"});
  Create({.name = "alive"});
  Create({.name = "one", .owners = {{.name = "owner", .blocks = true}}});
  Create({.name = "two", .owners = {{.name = "owner", .blocks = true}}});
  Create({.name = "below", .owners = {{.name = "two", .blocks = true}}});
  Create({.name = "free", .owners = {{"owner"}}});
  Create({.name = "kept", .owners = {{.name = "owner", .blocks = true}, {"alive"}}});
  const DeletionPreview preview = Preview("owner", Propagation::kForeground);
  CHECK(EffectOn(preview, "owner").why == "is to be deleted; after 2 objects, first Widget a/one");
  CHECK(EffectOn(preview, "two").why ==
        "owner Widget a/owner goes; after 1 object, first Widget a/below");
  CHECK(EffectOn(preview, "kept").outcome == Outcome::kDetached);
  CHECK(preview.TotalOf(Outcome::kDeleted) == 5);
}

TEST_CASE_METHOD(Previewed, "Preview: cycles come to an end") {
  Create({.name = "a", .owners = {{.name = "c", .blocks = true}}});
  Create({.name = "b", .owners = {{.name = "a", .blocks = true}}});
  Create({.name = "c", .owners = {{.name = "b", .blocks = true}, {.name = "c"}}});
  for (const Propagation propagation : {Propagation::kBackground, Propagation::kForeground}) {
    const DeletionPreview preview = Preview("a", propagation);
    CHECK(preview.TotalOf(Outcome::kDetached) == 1);  // c owns itself
    CHECK(preview.TotalOf(Outcome::kDeleted) == 2);
  }
  Create({.name = "c", .owners = {{.name = "b", .blocks = true}}});
  for (const Propagation propagation : {Propagation::kBackground, Propagation::kForeground}) {
    CHECK(Preview("a", propagation).TotalOf(Outcome::kDeleted) == 3);
  }
}

TEST_CASE_METHOD(Previewed, "Preview: what the collectors leave alone") {
  Create({.name = "owner"});
  Create({.name = "unsure", .owners = {{"owner"}, {.name = "crank", .kind = "Crank"}}});
  Set("/registry/example.com/gears/wrong", TextOf({.name = "wrong", .owners = {{"owner"}}}));
  const DeletionPreview preview = Preview("owner");
  CHECK(EffectOn(preview, "unsure").outcome == Outcome::kLeftAlone);
  CHECK(EffectOn(preview, "unsure").why ==
        "kind of an owner is not served, or it cannot be read: Crank crank");
  CHECK(EffectOn(preview, "wrong").object.Text() == "Gear wrong");
  CHECK(EffectOn(preview, "wrong").outcome == Outcome::kLeftAlone);
  CHECK(preview.TotalOf(Outcome::kLeftAlone) == 2);
}

TEST_CASE_METHOD(Previewed, "Preview: what is being deleted already, and Pods that need time") {
  Create({.name = "owner"});
  Create({.name = "ending",
          .owners = {{"owner"}},
          .finalizers = {"example.com/hold"},
          .deleting = true});
  Set("/registry/pods/a/pod",
      R"({"metadata":{"name":"pod","uid":"p","ownerReferences":[{"apiVersion":"example.com/v1",)"
      R"("kind":"Widget","name":"owner","uid":"uid-of-owner"}]},)"
      R"("spec":{"nodeName":"n","terminationGracePeriodSeconds":7}})");
  const DeletionPreview preview = Preview("owner");
  CHECK(EffectOn(preview, "ending").why ==
        "is being deleted already; waits for finalizers example.com/hold");
  CHECK(EffectOn(preview, "pod").why == "owner Widget a/owner goes; has 7 s to end");
  CHECK(EffectOn(preview, "pod").object.Text() == "Pod a/pod");
}

TEST_CASE_METHOD(Previewed, "Preview: of 20,000 dependents all are counted and some are listed") {
  constexpr int kDependents = 20'000;
  constexpr int kPutsAtOnce = 100;
  Create({.name = "owner", .labelled = true});
  for (int i = 0; i < kDependents;) {
    TxnRequest request;
    for (int j = 0; j < kPutsAtOnce; ++j, ++i) {
      const std::string name = fmt::format("child-{}", i);
      request.success.push_back(
          {PutRequest{.key = KeyOf(name), .value = TextOf({.name = name, .owners = {{"owner"}}})}});
    }
    REQUIRE(Txn(std::move(request)).ok());
  }
  const auto begin = std::chrono::steady_clock::now();
  const DeletionPreview preview = Preview("owner", Propagation::kForeground, 10);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  CHECK(preview.effects.size() == 10);
  CHECK(preview.TotalOf(Outcome::kDeleted) == kDependents + 1);
  CHECK(seconds.count() < 60);  // about 1 s; a busy machine and sanitizers have their time
}

TEST_CASE_METHOD(Previewed, "Preview: names that mean nothing, several kinds, or no object") {
  Define("widgets", "Widget", "Namespaced", "other.example.com");
  struct Case {
    PreviewRequest request;
    ErrorCode code;
    std::string message;
  };
  const Case cases[] = {
      {{.kind = "crank", .name_space = "a", .name = "x"},
       ErrorCode::kInvalidArgument,
       "there is no kind or resource \"crank\" whose garbage is collected here"},
      {{.kind = "widgets", .name_space = "a", .name = "x"},
       ErrorCode::kInvalidArgument,
       "\"widgets\" may mean widgets.example.com or widgets.other.example.com"},
      {{.kind = "widget.example.com", .name_space = "a", .name = "x"},
       ErrorCode::kNotFound,
       "there is no Widget a/x"},
      {{.kind = "gears", .name_space = "a", .name = "x"},
       ErrorCode::kNotFound,
       "there is no Gear x"},
  };
  for (const Case& expected : cases) {
    const auto preview = Ask(expected.request);
    REQUIRE_FALSE(preview.ok());
    CHECK(preview.error().code == expected.code);
    CHECK(preview.error().message == expected.message);
  }
}

// Names, and how many owners each has.
using Left = std::map<std::string, size_t>;

Left Expected(const std::vector<Spec>& graph, const DeletionPreview& preview) {
  Left left;
  for (const Spec& spec : graph) left[spec.name] = spec.owners.size();
  for (const DeletionEffect& effect : preview.effects) {
    if (effect.outcome == Outcome::kDeleted) left.erase(effect.object.name);
  }
  return left;
}

std::vector<Spec> RandomGraph(std::mt19937_64& random, int objects, bool held) {
  std::vector<Spec> graph;
  for (int i = 0; i < objects; ++i) {
    Spec spec{.name = fmt::format("w{}", i), .labelled = true};
    for (uint64_t count = random() % 3; i > 0 && count > 0; --count) {
      spec.owners.push_back({.name = fmt::format("w{}", random() % static_cast<uint64_t>(i)),
                             .blocks = random() % 2 == 0});
    }
    if (held && random() % 8 == 0) spec.finalizers = {"example.com/hold"};
    graph.push_back(std::move(spec));
  }
  return graph;
}

TEST_CASE("Preview: the collector does what was said") {
  constexpr Propagation kWays[] = {Propagation::kBackground, Propagation::kForeground,
                                   Propagation::kOrphan};
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    Previewed test;
    const std::vector<Spec> graph = RandomGraph(random, 30, seed % 2 == 0);
    for (const Spec& spec : graph) test.Create(spec);
    test.Settle();
    const std::string root = fmt::format("w{}", random() % 10);
    const Propagation propagation = kWays[seed % 3];
    const DeletionPreview preview = test.Preview(root, propagation);
    test.Delete(root, propagation);
    test.Settle();
    Left left;
    for (const Spec& spec : graph) {
      if (test.Get(spec.name) != nullptr) left[spec.name] = spec.owners.size();
    }
    CHECK(left == Expected(graph, preview));
    for (const DeletionEffect& effect : preview.effects) CHECK(effect.by != By::kControllerManager);
  }
}

}  // namespace
}  // namespace kubase::store
