// Against an HTTPS API that keeps objects and streams their changes.
#include "launcher/policy_applier.h"

#include <catch2/catch.hpp>
#include <mutex>

#include "launcher/test_api.h"

namespace kubase::launcher {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kPolicy =
    "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies/"
    "skip-controller-manager-metadata-caching";
const std::string kBinding =
    "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings/"
    "skip-controller-manager-metadata-caching";
const std::string kServices = "/apis/apiregistration.k8s.io/v1/apiservices/";

json ApiService(const std::string& group, const std::string& automanaged) {
  json service = {{"metadata", {{"labels", json::object()}}},
                  {"spec", {{"group", group}, {"version", "v1"}}}};
  if (!automanaged.empty()) {
    service["metadata"]["labels"]["kube-aggregator.kubernetes.io/automanaged"] = automanaged;
  }
  return service;
}

struct ApplierFixture {
  TestApi api;
  std::mutex mutex;
  std::string lines;  // guarded by mutex
  std::unique_ptr<Log> log = LogTo([this](LogLevel, const std::string& line) {
    const std::lock_guard lock(mutex);
    lines += line + "\n";
  });
  std::unique_ptr<KubeClient> client = MakeKubeClient(api.ClientOptions());
  PolicyApplierOptions options{.retry_min = milliseconds(10),
                               .retry_max = milliseconds(50),
                               .put_back_gap = milliseconds(10)};

  bool Logged(const std::string& text) {
    const std::lock_guard lock(mutex);
    return lines.find(text) != std::string::npos;
  }
  json Excluded() {
    const json policy = api.At(kPolicy);
    return policy.is_null() ? json() : policy["spec"]["matchConstraints"]["excludeResourceRules"];
  }
};

TEST_CASE("PolicyApplier: applies all objects and then leaves them alone") {
  ApplierFixture f;
  PolicyApplier applier(*f.client, *f.log, f.options);
  applier.Start();
  REQUIRE(applier.WaitSettled(seconds(10)));
  const PolicyObjects objects = *RenderPolicy({}, {});
  for (const PolicyObject& wanted : objects.wanted) {
    CHECK(f.api.At(wanted.Path())["spec"] == wanted.object["spec"]);
  }
  CHECK(f.api.Wait([&] { return f.api.Watches() == 3; }));
  applier.Stop();
  CHECK(f.api.Count("PATCH " + kPolicy) == 1);
  CHECK(f.api.Count("PUT " + kPolicy) == 0);
  CHECK(applier.Status().put_back_total == 0);

  PolicyApplier next_start(*f.client, *f.log, f.options);
  next_start.Start();
  REQUIRE(next_start.WaitSettled(seconds(10)));
  CHECK(f.api.Count("PATCH " + kPolicy) == 1);
}

TEST_CASE("PolicyApplier: puts back what is deleted or changed, and says so") {
  ApplierFixture f;
  PolicyApplier applier(*f.client, *f.log, f.options);
  applier.Start();
  REQUIRE(applier.WaitSettled(seconds(10)));
  REQUIRE(f.api.Wait([&] { return f.api.Watches() == 3; }));
  const json good = f.api.At(kPolicy)["spec"];

  f.api.Remove(kBinding);
  CHECK(f.api.Wait([&] { return !f.api.At(kBinding).is_null(); }));
  CHECK(f.api.Wait([&] { return f.Logged("was deleted; put it back"); }));

  json changed = f.api.At(kPolicy);
  changed["spec"]["failurePolicy"] = "Fail";
  f.api.Put(kPolicy, changed);
  CHECK(f.api.Wait([&] { return f.api.At(kPolicy)["spec"] == good; }));

  // An addition that server-side apply does not remove.
  changed = f.api.At(kPolicy);
  changed["spec"]["matchConditions"] = {{{"name", "never"}, {"expression", "false"}}};
  f.api.Put(kPolicy, changed);
  CHECK(f.api.Wait([&] { return f.api.At(kPolicy)["spec"] == good; }));
  CHECK(f.api.Wait([&] { return applier.Status().put_back_total == 3; }));
  CHECK(f.Logged("was changed; put it back"));
}

TEST_CASE("PolicyApplier: APIs of other servers are left out as they come and go") {
  ApplierFixture f;
  f.api.Put(kServices + "v1.apps", ApiService("apps", "onstart"));
  f.api.Put(kServices + "v1.example.com", ApiService("example.com", "true"));
  PolicyApplier applier(*f.client, *f.log, f.options);
  applier.Start();
  REQUIRE(applier.WaitSettled(seconds(10)));
  CHECK(f.Excluded().size() == 1);
  REQUIRE(f.api.Wait([&] { return f.api.Watches() == 3; }));
  f.api.Put(kServices + "v1.other.example.com", ApiService("other.example.com", ""));
  CHECK(f.api.Wait([&] { return f.Excluded().size() == 2; }));
  CHECK(f.Excluded()[1]["apiGroups"] == json::array({"other.example.com"}));
  f.api.Remove(kServices + "v1.other.example.com");
  CHECK(f.api.Wait([&] { return f.Excluded().size() == 1; }));
  CHECK(applier.Status().put_back_total == 0);
}

TEST_CASE(
    "PolicyApplier: an API that is not there yet is tried again, with its words in the status") {
  ApplierFixture f;
  f.api.FailWith(503);
  PolicyApplier applier(*f.client, *f.log, f.options);
  applier.Start();
  REQUIRE(f.api.Wait([&] { return !applier.Status().problem.empty(); }));
  CHECK_FALSE(applier.Status().settled);
  CHECK(applier.Status().problem == "the Kubernetes API answered 503: refused by the test");
  f.api.FailWith(0);
  REQUIRE(applier.WaitSettled(seconds(10)));
  CHECK(applier.Status().problem.empty());
}

TEST_CASE("PolicyApplier: a watch that breaks is opened again, and nothing is missed") {
  ApplierFixture f;
  PolicyApplier applier(*f.client, *f.log, f.options);
  applier.Start();
  REQUIRE(applier.WaitSettled(seconds(10)));
  REQUIRE(f.api.Wait([&] { return f.api.Watches() == 3; }));
  f.api.FailWith(500);
  f.api.Remove(kPolicy);
  REQUIRE(f.api.Wait([&] { return !applier.Status().settled; }));
  f.api.FailWith(0);
  CHECK(f.api.Wait([&] { return !f.api.At(kPolicy).is_null(); }));
  CHECK(f.api.Wait([&] { return f.api.Watches() >= 6; }));
}

TEST_CASE("PolicyApplier: none removes what labels, if it is ours, and nothing else") {
  ApplierFixture f;
  {
    PolicyApplier applier(*f.client, *f.log, f.options);
    applier.Start();
    REQUIRE(applier.WaitSettled(seconds(10)));
  }
  f.options.choice.mode = SkipCachingChoice::Mode::kNone;
  {
    PolicyApplier applier(*f.client, *f.log, f.options);
    applier.Start();
    REQUIRE(applier.WaitSettled(seconds(10)));
  }
  CHECK(f.api.At(kPolicy).is_null());
  CHECK(f.api.At(kBinding).is_null());

  f.api.Put(kPolicy, {{"metadata", {{"name", "by hand"}}}, {"spec", json::object()}});
  PolicyApplier applier(*f.client, *f.log, f.options);
  applier.Start();
  REQUIRE(applier.WaitSettled(seconds(10)));
  CHECK_FALSE(f.api.At(kPolicy).is_null());
  CHECK(f.Logged("left an admission policy alone"));
}

TEST_CASE("PolicyApplier: stops at once while the API does not answer") {
  ApplierFixture f;
  KubeClientOptions nowhere = f.api.ClientOptions();
  nowhere.port = 1;
  const auto client = MakeKubeClient(nowhere);
  f.options.retry_min = f.options.retry_max = std::chrono::hours(1);
  PolicyApplier applier(*client, *f.log, f.options);
  applier.Start();
  REQUIRE(f.api.Wait([&] { return !applier.Status().problem.empty(); }));
  applier.Stop();
  CHECK_FALSE(applier.Status().settled);
}

}  // namespace
}  // namespace kubase::launcher
