// The built-in kinds as a table; custom ones from their definitions.
#include "shim/collect/served_kinds.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <utility>

#include "shim/select/field_table.h"

namespace kubase::collect {
namespace {

struct BuiltIn {
  std::string_view group;
  std::string_view kind;
  std::string_view keys;  // between "/registry/" and the slash before the namespace or name
  bool namespaced;
};

// What kube-apiserver 1.37 stores by default, in the order of the groups; tests/e2e compares it
// with kube-apiserver's own discovery. Events are left out: the collector of
// kube-controller-manager ignores them too (DefaultIgnoredResources).
constexpr auto kBuiltIn = std::to_array<BuiltIn>({
    {"", "ConfigMap", "configmaps", true},
    {"", "Endpoints", "services/endpoints", true},
    {"", "LimitRange", "limitranges", true},
    {"", "Namespace", "namespaces", false},
    {"", "Node", "minions", false},
    {"", "PersistentVolume", "persistentvolumes", false},
    {"", "PersistentVolumeClaim", "persistentvolumeclaims", true},
    {"", "Pod", "pods", true},
    {"", "PodTemplate", "podtemplates", true},
    {"", "ReplicationController", "controllers", true},
    {"", "ResourceQuota", "resourcequotas", true},
    {"", "Secret", "secrets", true},
    {"", "Service", "services/specs", true},
    {"", "ServiceAccount", "serviceaccounts", true},
    {"admissionregistration.k8s.io", "MutatingAdmissionPolicy", "mutatingadmissionpolicies", false},
    {"admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding",
     "mutatingadmissionpolicybindings", false},
    {"admissionregistration.k8s.io", "MutatingWebhookConfiguration",
     "mutatingwebhookconfigurations", false},
    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicy", "validatingadmissionpolicies",
     false},
    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding",
     "validatingadmissionpolicybindings", false},
    {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration",
     "validatingwebhookconfigurations", false},
    {"apiextensions.k8s.io", "CustomResourceDefinition",
     "apiextensions.k8s.io/customresourcedefinitions", false},
    {"apiregistration.k8s.io", "APIService", "apiregistration.k8s.io/apiservices", false},
    {"apps", "ControllerRevision", "controllerrevisions", true},
    {"apps", "DaemonSet", "daemonsets", true},
    {"apps", "Deployment", "deployments", true},
    {"apps", "ReplicaSet", "replicasets", true},
    {"apps", "StatefulSet", "statefulsets", true},
    {"autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true},
    {"batch", "CronJob", "cronjobs", true},
    {"batch", "Job", "jobs", true},
    {"certificates.k8s.io", "CertificateSigningRequest", "certificatesigningrequests", false},
    {"certificates.k8s.io", "ClusterTrustBundle", "clustertrustbundles", false},
    {"certificates.k8s.io", "PodCertificateRequest", "podcertificaterequests", true},
    {"coordination.k8s.io", "Lease", "leases", true},
    {"discovery.k8s.io", "EndpointSlice", "endpointslices", true},
    {"flowcontrol.apiserver.k8s.io", "FlowSchema", "flowschemas", false},
    {"flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", "prioritylevelconfigurations",
     false},
    {"networking.k8s.io", "IPAddress", "ipaddresses", false},
    {"networking.k8s.io", "Ingress", "ingress", true},
    {"networking.k8s.io", "IngressClass", "ingressclasses", false},
    {"networking.k8s.io", "NetworkPolicy", "networkpolicies", true},
    {"networking.k8s.io", "ServiceCIDR", "servicecidrs", false},
    {"node.k8s.io", "RuntimeClass", "runtimeclasses", false},
    {"policy", "PodDisruptionBudget", "poddisruptionbudgets", true},
    {"rbac.authorization.k8s.io", "ClusterRole", "clusterroles", false},
    {"rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", false},
    {"rbac.authorization.k8s.io", "Role", "roles", true},
    {"rbac.authorization.k8s.io", "RoleBinding", "rolebindings", true},
    {"resource.k8s.io", "DeviceClass", "deviceclasses", false},
    {"resource.k8s.io", "DeviceTaintRule", "devicetaintrules", false},
    {"resource.k8s.io", "ResourceClaim", "resourceclaims", true},
    {"resource.k8s.io", "ResourceClaimTemplate", "resourceclaimtemplates", true},
    {"resource.k8s.io", "ResourceSlice", "resourceslices", false},
    {"scheduling.k8s.io", "PriorityClass", "priorityclasses", false},
    {"storage.k8s.io", "CSIDriver", "csidrivers", false},
    {"storage.k8s.io", "CSINode", "csinodes", false},
    {"storage.k8s.io", "CSIStorageCapacity", "csistoragecapacities", true},
    {"storage.k8s.io", "StorageClass", "storageclasses", false},
    {"storage.k8s.io", "VolumeAttachment", "volumeattachments", false},
    {"storage.k8s.io", "VolumeAttributesClass", "volumeattributesclasses", false},
    {"storagemigration.k8s.io", "StorageVersionMigration", "storageversionmigrations", false},
});

bool IsServedVersion(std::string_view group, std::string_view version) {
  return version == "v1" || (group == "autoscaling" && version == "v2");
}

using ByName = std::map<std::string, ServedKind, std::less<>>;

std::string NameOf(std::string_view group, std::string_view version, std::string_view kind) {
  std::string name(group);
  if (!name.empty()) name.append("/");
  return name.append(version).append(" ").append(kind);
}

const ByName& BuiltInByName() {
  static const ByName by_name = [] {
    ByName all;
    for (const BuiltIn& entry : kBuiltIn) {
      for (const std::string_view version : {"v1", "v2"}) {
        if (!IsServedVersion(entry.group, version)) continue;
        all.emplace(
            NameOf(entry.group, version, entry.kind),
            ServedKind{std::string("/registry/").append(entry.keys).append("/"), entry.namespaced});
      }
    }
    return all;
  }();
  return by_name;
}

constexpr std::string_view kRegistry = "/registry/";

// Resources that are kept under other names than those by which they are served.
constexpr std::pair<std::string_view, std::string_view> kServedNames[] = {
    {"controllers", "replicationcontrollers"}, {"ingress", "ingresses"},       {"minions", "nodes"},
    {"services/endpoints", "endpoints"},       {"services/specs", "services"},
};

std::string_view ResourceOf(std::string_view keys) {
  for (const auto& [kept, served] : kServedNames) {
    if (keys == kept) return served;
  }
  return keys.substr(keys.rfind('/') + 1);
}

// What stands between "/registry/" and the last slash.
std::string_view KeysOf(std::string_view prefix) {
  return prefix.substr(kRegistry.size(), prefix.size() - kRegistry.size() - 1);
}

bool SameButForCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

bool IsMeant(std::string_view name, const NamedKind& kind) {
  const size_t dot = name.find('.');
  const std::string_view first = name.substr(0, dot);
  if (!SameButForCase(first, kind.kind) && !SameButForCase(first, kind.resource)) return false;
  return dot == std::string_view::npos ||
         SameButForCase(name.substr(dot + 1), kind.group.empty() ? kCoreGroup : kind.group);
}

NamedKind Named(const BuiltIn& entry) {
  return {std::string(entry.group),
          std::string(entry.kind),
          std::string(ResourceOf(entry.keys)),
          {std::string(kRegistry).append(entry.keys).append("/"), entry.namespaced}};
}

NamedKind Named(const DefinedKind& defined) {
  return {defined.group, defined.kind, std::string(ResourceOf(KeysOf(defined.served.prefix))),
          defined.served};
}

}  // namespace

std::optional<DefinedKind> ReadDefinedKind(std::string_view value) {
  const auto definition = select::ReadCustomDefinition(value);
  if (!definition || definition->served_kind.empty()) return std::nullopt;
  const size_t dot = definition->resource.find('.');
  const std::string group = definition->resource.substr(dot + 1);
  if (group.find('.') == std::string::npos) return std::nullopt;
  std::string prefix = "/registry/" + group + "/" + definition->resource.substr(0, dot) + "/";
  return DefinedKind{group,
                     definition->served_kind,
                     definition->served_versions,
                     {std::move(prefix), definition->namespaced}};
}

const ServedKind* ServedKinds::Find(std::string_view api_version, std::string_view kind) const {
  const std::string name = std::string(api_version).append(" ").append(kind);
  if (const auto built_in = BuiltInByName().find(name); built_in != BuiltInByName().end()) {
    return &built_in->second;
  }
  const auto [first, last] = by_name_.equal_range(name);
  return std::distance(first, last) == 1 ? &first->second->served : nullptr;
}

std::vector<NamedKind> ServedKinds::FindByName(std::string_view name) const {
  std::vector<NamedKind> found;
  const auto add_if_meant = [&](NamedKind kind) {
    if (IsMeant(name, kind)) found.push_back(std::move(kind));
  };
  for (const BuiltIn& entry : kBuiltIn) add_if_meant(Named(entry));
  for (const auto& [_, defined] : defined_) add_if_meant(Named(defined));
  return found;
}

std::optional<NamedKind> ServedKinds::FindByPrefix(std::string_view prefix) const {
  if (!prefix.starts_with(kRegistry) || prefix.size() == kRegistry.size()) return std::nullopt;
  for (const BuiltIn& entry : kBuiltIn) {
    if (entry.keys == KeysOf(prefix)) return Named(entry);
  }
  for (const auto& [_, defined] : defined_) {
    if (defined.served.prefix == prefix) return Named(defined);
  }
  return std::nullopt;
}

bool ServedKinds::Define(const std::string& key, std::optional<DefinedKind> definition) {
  const auto old = defined_.find(key);
  if (old == defined_.end() ? !definition : definition == old->second) return false;
  if (old != defined_.end()) {
    for (const std::string& version : old->second.versions) {
      EraseName(NameOf(old->second.group, version, old->second.kind), old->second);
    }
    defined_.erase(old);
  }
  if (!definition) return true;
  const DefinedKind& defined = defined_.emplace(key, std::move(*definition)).first->second;
  for (const std::string& version : defined.versions) {
    by_name_.emplace(NameOf(defined.group, version, defined.kind), &defined);
  }
  return true;
}

void ServedKinds::EraseName(const std::string& name, const DefinedKind& kind) {
  const auto [first, last] = by_name_.equal_range(name);
  by_name_.erase(std::find(first, last, ByName::value_type{name, &kind}));
}

}  // namespace kubase::collect
