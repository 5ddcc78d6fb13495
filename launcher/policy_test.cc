#include "launcher/policy.h"

#include <catch2/catch.hpp>
#include <set>

namespace kubase::launcher {
namespace {

using nlohmann::json;

TEST_CASE("ParseSkipCaching: all, none and lists") {
  CHECK(ParseSkipCaching("all")->mode == SkipCachingChoice::Mode::kAll);
  CHECK(ParseSkipCaching("none")->mode == SkipCachingChoice::Mode::kNone);
  const SkipCachingChoice listed = *ParseSkipCaching("shirts.stable.example.com,x.y.io");
  CHECK(listed.mode == SkipCachingChoice::Mode::kListed);
  CHECK(listed.listed ==
        std::vector<GroupResource>{{"stable.example.com", "shirts"}, {"y.io", "x"}});
}

TEST_CASE("ParseSkipCaching: what is no custom resource is one sentence with the fix") {
  for (const char* bad : {"", "everything", "shirts.", ".example.com", "a.b.c,", "a.b.c,,d.e.f",
                          "Shirts.example.com", "shirts.exa mple.com", "all,none", "a..b", "pods.",
                          "deployments.apps", "leases.coordination.k8s.io"}) {
    INFO(bad);
    const Result<SkipCachingChoice> parsed = ParseSkipCaching(bad);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().code == ErrorCode::kInvalidArgument);
    CHECK(parsed.error().message.find("--skip-metadata-caching") == 0);
  }
}

TEST_CASE("IsBuiltInGroup: Kubernetes' own groups, and not those that only end like them") {
  for (const char* built_in : {"", "apps", "batch", "apiextensions.k8s.io", "storage.k8s.io",
                               "rbac.authorization.k8s.io", "flowcontrol.apiserver.k8s.io"}) {
    CHECK(IsBuiltInGroup(built_in));
  }
  for (const char* custom : {"stable.example.com", "gateway.networking.k8s.io",
                             "snapshot.storage.k8s.io", "metrics.k8s.io", "cluster.x-k8s.io"}) {
    CHECK_FALSE(IsBuiltInGroup(custom));
  }
}

TEST_CASE("RenderPolicy: creates of everything but the built-in groups") {
  const PolicyObjects objects = *RenderPolicy({}, {});
  REQUIRE(objects.wanted.size() == 2);
  CHECK(objects.unwanted.empty());
  for (const PolicyObject& wanted : objects.wanted) {
    CHECK(wanted.object["apiVersion"] == "admissionregistration.k8s.io/v1");
    CHECK(wanted.object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kubase");
  }
  CHECK(objects.wanted[0].Path() ==
        "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies/"
        "skip-controller-manager-metadata-caching");
  CHECK(objects.wanted[1].object["kind"] == "MutatingAdmissionPolicyBinding");
  CHECK(objects.wanted[1].object["spec"] == json{{"policyName", kSkipCachingLabel}});
  const json& constraints = objects.wanted[0].object["spec"]["matchConstraints"];
  const json expected = {{"apiGroups", {"*"}},
                         {"apiVersions", {"*"}},
                         {"operations", {"CREATE"}},
                         {"resources", {"*"}},
                         {"scope", "*"}};
  CHECK(constraints["resourceRules"] == json::array({expected}));
  REQUIRE(constraints["excludeResourceRules"].size() == 1);
  CHECK(constraints["excludeResourceRules"][0]["apiGroups"].size() == 28);
  CHECK(constraints["excludeResourceRules"][0]["resources"] == json::array({"*"}));
}

TEST_CASE("RenderPolicy: a list becomes one rule for each group") {
  const SkipCachingChoice choice = *ParseSkipCaching("b.x.io,a.x.io,b.x.io,shirts.example.com");
  const json rules =
      RenderPolicy(choice, {})->wanted[0].object["spec"]["matchConstraints"]["resourceRules"];
  REQUIRE(rules.size() == 2);
  CHECK(rules[0]["apiGroups"] == json::array({"example.com"}));
  CHECK(rules[1]["apiGroups"] == json::array({"x.io"}));
  CHECK(rules[1]["resources"] == json::array({"a", "b"}));
  CHECK(rules[1]["operations"] == json::array({"CREATE"}));
}

TEST_CASE("RenderPolicy: aggregated group versions are left out, in one order whatever comes") {
  const std::vector<GroupVersion> one = {{"metrics.k8s.io", "v1beta1"}, {"a.example.com", "v1"}};
  const std::vector<GroupVersion> other = {one[1], one[0], one[1]};
  const PolicyObjects objects = *RenderPolicy({}, one);
  CHECK(objects.wanted[0].object == RenderPolicy({}, other)->wanted[0].object);
  const json& excluded =
      objects.wanted[0].object["spec"]["matchConstraints"]["excludeResourceRules"];
  REQUIRE(excluded.size() == 3);
  CHECK(excluded[1]["apiGroups"] == json::array({"a.example.com"}));
  CHECK(excluded[2]["apiVersions"] == json::array({"v1beta1"}));
  CHECK(RenderPolicy({}, {{"not a group", "v1"}}).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("RenderPolicy: none wants nothing and removes both") {
  const PolicyObjects objects = *RenderPolicy(*ParseSkipCaching("none"), {});
  CHECK(objects.wanted.empty());
  REQUIRE(objects.unwanted.size() == 2);
  CHECK(objects.unwanted[0].name == kSkipCachingLabel);
}

TEST_CASE("RenderPolicy: nothing is left to the server's defaults") {
  const PolicyObjects objects = *RenderPolicy({}, {{"a.b", "v1"}});
  for (const PolicyObject& wanted : objects.wanted) {
    const json& spec = wanted.object["spec"];
    if (!spec.contains("matchConstraints")) continue;
    const json& constraints = spec["matchConstraints"];
    CHECK(spec.contains("failurePolicy"));
    for (const char* field : {"matchPolicy", "namespaceSelector", "objectSelector"}) {
      CHECK(constraints.contains(field));
    }
    for (const char* list : {"resourceRules", "excludeResourceRules"}) {
      for (const json& rule : constraints.value(list, json::array())) {
        CHECK(rule.contains("scope"));
      }
    }
  }
}

}  // namespace
}  // namespace kubase::launcher
