// Which kinds the names mean that people give them.
#include "shim/collect/served_kinds.h"

#include <catch2/catch.hpp>

namespace kubase::collect {
namespace {

ServedKinds WithShirts() {
  ServedKinds kinds;
  for (const std::string group : {"stable.example.com", "other.example.com"}) {
    kinds.Define("shirts." + group,
                 DefinedKind{group, "Shirt", {"v1"}, {"/registry/" + group + "/shirts/", true}});
  }
  return kinds;
}

TEST_CASE("ServedKinds: a name is a kind or a resource, with its group or without") {
  const ServedKinds kinds = WithShirts();
  for (const char* const name : {"Deployment", "deployment", "deployments", "Deployments.apps"}) {
    const auto found = kinds.FindByName(name);
    INFO(name);
    REQUIRE(found.size() == 1);
    CHECK(found.front().group == "apps");
    CHECK(found.front().kind == "Deployment");
    CHECK(found.front().resource == "deployments");
    CHECK(found.front().served.prefix == "/registry/deployments/");
  }
  CHECK(kinds.FindByName("shirt").size() == 2);
  CHECK(kinds.FindByName("shirts.Stable.example.com").size() == 1);
  CHECK(kinds.FindByName("pods.core").size() == 1);
  for (const char* const name :
       {"", ".", "deploymentss", "deployments.core", "shirts.example.com"}) {
    CHECK(kinds.FindByName(name).empty());
  }
}

TEST_CASE("ServedKinds: resources that are kept under other names") {
  const ServedKinds kinds;
  const std::pair<const char*, const char*> resources[] = {
      {"nodes", "/registry/minions/"},
      {"services", "/registry/services/specs/"},
      {"endpoints", "/registry/services/endpoints/"},
      {"replicationcontrollers", "/registry/controllers/"},
      {"ingresses", "/registry/ingress/"},
      {"customresourcedefinitions", "/registry/apiextensions.k8s.io/customresourcedefinitions/"},
  };
  for (const auto& [resource, prefix] : resources) {
    const auto found = kinds.FindByName(resource);
    REQUIRE(found.size() == 1);
    CHECK(found.front().served.prefix == prefix);
    REQUIRE(kinds.FindByPrefix(prefix).has_value());
    CHECK(kinds.FindByPrefix(prefix)->resource == resource);
  }
}

TEST_CASE("ServedKinds: the kind of a prefix") {
  const ServedKinds kinds = WithShirts();
  const auto shirts = kinds.FindByPrefix("/registry/other.example.com/shirts/");
  REQUIRE(shirts.has_value());
  CHECK(shirts->group == "other.example.com");
  for (const char* const prefix : {"", "/registry/", "/registry/shirts/", "/elsewhere/pods/"}) {
    CHECK_FALSE(kinds.FindByPrefix(prefix).has_value());
  }
}

TEST_CASE("ServedKinds: a name of two definitions is nobody's until one gives it up") {
  const auto shirts = [](const std::string& plural) {
    return DefinedKind{"g.io", "Shirt", {"v1", "v2"}, {"/registry/g.io/" + plural + "/", true}};
  };
  ServedKinds kinds;
  CHECK(kinds.Define("a", shirts("a")));
  CHECK_FALSE(kinds.Define("a", shirts("a")));
  CHECK(kinds.Define("b", shirts("b")));
  CHECK(kinds.Find("g.io/v1", "Shirt") == nullptr);
  CHECK(kinds.Define("b", std::nullopt));
  CHECK_FALSE(kinds.Define("b", std::nullopt));
  REQUIRE(kinds.Find("g.io/v2", "Shirt") != nullptr);
  CHECK(kinds.Find("g.io/v2", "Shirt")->prefix == "/registry/g.io/a/");
  CHECK(kinds.Define("a", std::nullopt));
  CHECK(kinds.Find("g.io/v1", "Shirt") == nullptr);
}

}  // namespace
}  // namespace kubase::collect
