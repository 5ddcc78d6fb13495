// Random owners and dependents, collected in few large steps, and in many small ones between which
// the store is closed and opened again: what is left has to be the same.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "shim/store/stepwise_fixture_test.h"

namespace kubase::store {
namespace {

constexpr int kObjects = 120;
constexpr int kHubs = 6;  // objects that own most others, so that a walk takes several steps

// What becomes of an object with one owner, or of any in the background, does not depend on who is
// looked at first.
struct RandomGraph {
  explicit RandomGraph(unsigned seed) : random(seed) {
    const bool one_owner = Chance(50);
    for (int i = 0; i < kObjects; ++i) {
      Spec spec{.name = NameOf(i)};
      const int owners = i < kHubs && Chance(50) ? 0 : one_owner ? 1 : Below(4);
      for (int n = 0; n < owners; ++n) {
        const int owner = Chance(70) ? Below(kHubs) : Below(kObjects);
        if (one_owner && owner >= i) continue;  // a tree
        spec.owners.push_back({.name = NameOf(owner), .blocks = Chance(50)});
      }
      if (Chance(10)) spec.finalizers.push_back("example.com/hold");
      specs.push_back(std::move(spec));
    }
    for (int i = 0; i < kHubs; ++i) {
      if (!Chance(60)) continue;
      Spec end = specs[static_cast<size_t>(i)];
      const int policy = one_owner ? Below(3) : 0;
      if (policy > 0) {
        end.deleting = true;
        end.finalizers.push_back(policy == 1 ? "foregroundDeletion" : "orphan");
      }
      ends.push_back(std::move(end));
    }
  }
  static std::string NameOf(int i) { return fmt::format("object-{:03}", i); }
  int Below(int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }
  bool Chance(int percent) { return Below(100) < percent; }

  std::mt19937 random;
  std::vector<Spec> specs;
  std::vector<Spec> ends;  // how the owners are that are deleted; without a mark they are removed
};

// By name: owners, finalizers and whether it is being deleted.
using Left = std::map<std::string, std::string>;

class Modelled : public Stepwise {
 public:
  void Begin(const RandomGraph& graph) {
    // Owners that come later are absent while their dependents are made.
    TxnRequest all;
    for (const Spec& spec : graph.specs) {
      all.success.push_back({PutRequest{.key = KeyOf(spec.name), .value = TextOf(spec)}});
    }
    REQUIRE(Txn(std::move(all)).ok());
    Settle();
    TxnRequest ends;
    for (const Spec& end : graph.ends) {
      if (!end.deleting) {
        ends.success.push_back({DeleteRangeRequest{{KeyOf(end.name)}}});
      } else if (IsThere(end.name)) {
        ends.success.push_back({PutRequest{.key = KeyOf(end.name), .value = TextOf(end)}});
      }
    }
    REQUIRE(Txn(std::move(ends)).ok());
  }
  void SettleInSmallSteps(RandomGraph& graph) {
    walks.OnList([this] { clock().Advance(std::chrono::seconds(1)); });
    do {
      if (graph.Chance(30)) {
        Close();
        Open();
      }
      Set("/tick", "");
    } while (Gauge("due") > 0);
    walks.OnListNothing();
  }
  Left ReadAll() {
    Left left;
    for (int i = 0; i < kObjects; ++i) {
      const std::string name = RandomGraph::NameOf(i);
      const auto object = Read(name);
      if (!object) continue;
      std::string text = object->IsBeingDeleted() ? "ending" : "";
      // Which references an object still has that goes depends on which owner went first.
      for (const auto& owner : object->owners) {
        if (!object->IsBeingDeleted()) text += " " + owner.name;
      }
      for (const auto& finalizer : object->finalizers) text += " " + finalizer;
      left[name] = text;
    }
    return left;
  }
};

TEST_CASE("Collector: small steps and starts between them end as large steps do") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    RandomGraph graph(seed);
    Modelled large, small;
    large.Begin(graph);
    large.Settle();
    small.Begin(graph);
    small.SettleInSmallSteps(graph);
    const Left expected = large.ReadAll();
    const Left found = small.ReadAll();
    for (const auto& [name, text] : expected) {
      INFO(name << " is to be:" << text);
      CHECK(found.contains(name));
      if (found.contains(name)) CHECK(found.at(name) == text);
    }
    CHECK(found.size() == expected.size());
    CHECK(small.Gauge("waiting") == large.Gauge("waiting"));
    if (!graph.ends.empty()) CHECK(expected.size() < kObjects);
  }
}

}  // namespace
}  // namespace kubase::store
