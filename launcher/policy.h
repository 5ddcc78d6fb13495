// The admission policy that gives new custom resources the label by which the storage collects
// their garbage.
//
// manifests/skip-controller-manager-metadata-caching.yaml is the one source of the policy; it is
// embedded, and only its match rules are adapted here.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"

namespace kubase::launcher {

inline constexpr std::string_view kSkipCachingLabel = "skip-controller-manager-metadata-caching";

struct GroupResource {
  std::string group;
  std::string resource;
  bool operator==(const GroupResource&) const = default;
};

struct GroupVersion {
  std::string group;
  std::string version;
  auto operator<=>(const GroupVersion&) const = default;
};

struct SkipCachingChoice {
  enum class Mode { kNone, kAll, kListed };
  Mode mode = Mode::kAll;
  std::vector<GroupResource> listed;  // for kListed; not empty then
};

// "none", "all" or "RESOURCE.GROUP,…". Error: kInvalidArgument, one sentence; a type that is built
// into Kubernetes is refused, since only custom resources may carry the label.
Result<SkipCachingChoice> ParseSkipCaching(std::string_view text);

// Whether types of `group` are built into Kubernetes 1.37, so that no custom resource is meant.
bool IsBuiltInGroup(std::string_view group);

// One object of the API. It is complete: what the API stores has the same spec, so that a
// difference is a change made by hand.
struct PolicyObject {
  std::string collection;  // "/apis/…/mutatingadmissionpolicies"
  std::string name;
  nlohmann::json object;

  std::string Path() const { return collection + "/" + name; }
};

struct PolicyObjects {
  std::vector<PolicyObject> wanted;    // in the order in which they are applied
  std::vector<PolicyObject> unwanted;  // to be removed, if they are kubase's
};

// The policy and its binding for `choice`; with kNone they are unwanted. `aggregated` are the group
// versions that other API servers serve: their objects are not in this storage, so nothing would
// collect them once labelled. Error: kInvalidArgument (a group that is not a DNS name).
Result<PolicyObjects> RenderPolicy(const SkipCachingChoice& choice,
                                   const std::vector<GroupVersion>& aggregated);

}  // namespace kubase::launcher
