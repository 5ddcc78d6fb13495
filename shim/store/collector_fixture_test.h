// A store with custom resources that own each other, and its collector at rest.
#pragma once

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "shim/collect/object_metadata.h"
#include "shim/store/store_fixture_test.h"

namespace kubase::store {

inline constexpr char kLabel[] = R"("labels":{"skip-controller-manager-metadata-caching":""},)";

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

inline std::string UidOf(const std::string& name) {
  return "uid-of-" + name;
}

inline std::string TextOf(const Spec& spec) {
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

inline std::string Definition(const std::string& plural, const std::string& kind,
                              const std::string& scope) {
  return fmt::format(
      R"({{"metadata":{{"name":"{0}.example.com","uid":"definition-{0}"}},)"
      R"("spec":{{"group":"example.com","names":{{"plural":"{0}","kind":"{1}"}},"scope":"{2}",)"
      R"("versions":[{{"name":"v1","served":true,"storage":true}}]}},)"
      R"("status":{{"conditions":[{{"type":"Established","status":"True"}}],)"
      R"("acceptedNames":{{"plural":"{0}","kind":"{1}"}}}}}})",
      plural, kind, scope);
}

// Widgets are in the namespace "a", gears are of the cluster.
class Collected : public StoreFixture {
 public:
  // `observer` sees the statements; may be null.
  explicit Collected(sql::StatementObserver* observer = nullptr) : StoreFixture({}, observer) {
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
  double Gauge(const std::string& state) { return MetricOf("kubase_gc_owed", state).gauge.value; }
  double Deleted(const std::string& policy) {
    return MetricOf("kubase_gc_deleted_total", policy).counter.value;
  }
  double Skipped(const std::string& reason) {
    return MetricOf("kubase_gc_skipped_total", reason).counter.value;
  }

 private:
  prometheus::ClientMetric MetricOf(const std::string& name, const std::string& label) {
    for (const auto& family : registry().Collect()) {
      if (family.name != name) continue;
      for (const auto& metric : family.metric) {
        if (metric.label.front().value == label) return metric;
      }
    }
    FAIL("no metric " << name << " of " << label);
    return {};
  }
};

}  // namespace kubase::store
