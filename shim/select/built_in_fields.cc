// The selectable fields of built-in resources: what kube-apiserver accepts in a field selector
// (kubernetes pkg/apis/*/v1/conversion.go) and has in the field set of an object (GetAttrs in
// pkg/registry). tests/selectors compares this table with kube-apiserver's own code.
#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <utility>

#include "shim/select/field_table.h"
#include "shim/select/split.h"

namespace kubase::select {
namespace {

// Places are separated by '|', names and numbers on the way by '.'.
struct Row {
  std::string_view resource;
  std::string_view field;
  std::string_view json;
  std::string_view protobuf;
  std::string_view absent;
  const char* common;  // null: every value is worth an index entry
};

// The numbers and defaults are those of the versions in ApiVersionsOf.
// clang-format off
constexpr Row kRows[] = {
    {"certificatesigningrequests", "spec.signerName", "spec.signerName", "2.7", "", nullptr},

    {"clustertrustbundles", "spec.signerName", "spec.signerName", "2.1", "", ""},

    {"controllers", "status.replicas", "status.replicas", "3.1", "0", "0"},

    {"events", "involvedObject.apiVersion", "involvedObject.apiVersion", "2.5", "", "v1"},
    {"events", "involvedObject.fieldPath", "involvedObject.fieldPath", "2.7", "", ""},
    {"events", "involvedObject.kind", "involvedObject.kind", "2.1", "", nullptr},
    {"events", "involvedObject.name", "involvedObject.name", "2.3", "", nullptr},
    {"events", "involvedObject.namespace", "involvedObject.namespace", "2.2", "", nullptr},
    {"events", "involvedObject.resourceVersion", "involvedObject.resourceVersion", "2.6", "", ""},
    {"events", "involvedObject.uid", "involvedObject.uid", "2.4", "", nullptr},
    {"events", "reason", "reason", "3", "", nullptr},
    {"events", "reportingComponent", "reportingComponent", "14", "", ""},
    {"events", "source", "source.component|reportingComponent", "5.1|14", "", nullptr},
    {"events", "type", "type", "9", "", "Normal"},

    {"jobs", "status.successful", "status.succeeded", "3.5", "0", nullptr},

    {"namespaces", "status.phase", "status.phase", "3.1", "Active", "Active"},

    {"nodes", "spec.unschedulable", "spec.unschedulable", "2.4", "false", "false"},

    {"podcertificaterequests", "spec.nodeName", "spec.nodeName", "2.6", "", nullptr},
    {"podcertificaterequests", "spec.podName", "spec.podName", "2.2", "", nullptr},
    {"podcertificaterequests", "spec.signerName", "spec.signerName", "2.1", "", nullptr},

    {"pods", "spec.hostNetwork", "spec.hostNetwork", "2.11", "false", "false"},
    {"pods", "spec.nodeName", "spec.nodeName", "2.10", "", nullptr},
    {"pods", "spec.restartPolicy", "spec.restartPolicy", "2.3", "Always", "Always"},
    {"pods", "spec.schedulerName", "spec.schedulerName", "2.19", "default-scheduler",
     "default-scheduler"},
    {"pods", "spec.serviceAccountName", "spec.serviceAccountName|spec.serviceAccount", "2.8|2.9",
     "", "default"},
    {"pods", "status.nominatedNodeName", "status.nominatedNodeName", "3.11", "", ""},
    {"pods", "status.phase", "status.phase", "3.1", "", nullptr},
    {"pods", "status.podIP", "status.podIP|status.podIPs.ip", "3.6|3.12.1", "", ""},

    {"resourceslices", "spec.driver", "spec.driver", "2.1", "", nullptr},
    {"resourceslices", "spec.nodeName", "spec.nodeName", "2.3", "", nullptr},
    {"resourceslices", "spec.pool.name", "spec.pool.name", "2.2.1", "", nullptr},

    {"secrets", "type", "type", "3", "Opaque", "Opaque"},

    {"services", "spec.clusterIP", "spec.clusterIP", "2.3", "", ""},
    {"services", "spec.type", "spec.type", "2.4", "ClusterIP", "ClusterIP"},
};
// clang-format on

uint32_t NumberOf(const std::string& text) {
  uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<FieldPlace> PlacesOf(const Row& row) {
  const std::vector<std::string> json = Split(row.json, '|');
  const std::vector<std::string> protobuf = Split(row.protobuf, '|');
  std::vector<FieldPlace> places;
  for (size_t i = 0; i < json.size(); ++i) {
    FieldPlace place{Split(json[i], '.'), {}};
    for (const std::string& number : Split(protobuf[i], '.')) {
      place.protobuf.push_back(NumberOf(number));
    }
    places.push_back(std::move(place));
  }
  return places;
}

SelectableField FieldOf(const Row& row) {
  SelectableField field{std::string(row.field), PlacesOf(row), std::string(row.absent), {}};
  if (row.common != nullptr) field.common = row.common;
  return field;
}

// In which the objects have their fields as the table has them. Left out are versions that decode
// to something else: a certificates.k8s.io/v1beta1 CertificateSigningRequest gets a signer, and
// an event of events.k8s.io has other numbers.
std::vector<std::string> ApiVersionsOf(std::string_view resource) {
  if (resource == "certificatesigningrequests") return {"certificates.k8s.io/v1"};
  if (resource == "clustertrustbundles") {
    return {"certificates.k8s.io/v1", "certificates.k8s.io/v1alpha1",
            "certificates.k8s.io/v1beta1"};
  }
  if (resource == "jobs") return {"batch/v1"};
  if (resource == "podcertificaterequests") {
    return {"certificates.k8s.io/v1", "certificates.k8s.io/v1beta1"};
  }
  if (resource == "resourceslices") {
    return {"resource.k8s.io/v1", "resource.k8s.io/v1beta1", "resource.k8s.io/v1beta2"};
  }
  return {"v1"};
}

// SetDefaults_Namespace, SetDefaults_Job and SetDefaults_ReplicationController.
DecodedLabels DecodedLabelsOf(std::string_view resource) {
  if (resource == "namespaces") return {true, {}};
  if (resource == "jobs") return {false, {{"spec", "template", "metadata"}, {2, 6, 1}}};
  if (resource == "controllers") return {false, {{"spec", "template", "metadata"}, {2, 3, 1}}};
  return {};
}

std::map<std::string, FieldTablePtr, std::less<>> Tables() {
  std::map<std::string, FieldTablePtr, std::less<>> tables;
  for (const std::string& resource : BuiltInResources()) {
    std::vector<SelectableField> fields;
    for (const Row& row : kRows) {
      if (row.resource == resource) fields.push_back(FieldOf(row));
    }
    tables[resource] = std::make_shared<const FieldTable>(
        std::move(fields), DecodedLabelsOf(resource), ApiVersionsOf(resource));
  }
  return tables;
}

}  // namespace

FieldTablePtr BuiltInFields(std::string_view resource) {
  static const auto tables = Tables();
  static const auto empty = std::make_shared<const FieldTable>();
  const auto found = tables.find(resource);
  return found == tables.end() ? empty : found->second;
}

std::vector<std::string> BuiltInResources() {
  std::vector<std::string> names;
  for (const Row& row : kRows) names.emplace_back(row.resource);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace kubase::select
