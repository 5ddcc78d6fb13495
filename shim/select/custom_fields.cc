// The selectable fields of custom resources: kube-apiserver prints what it finds at a JSON path, ""
// for nothing (k8s.io/apiextensions-apiserver pkg/registry/customresource/strategy.go).
#include <algorithm>
#include <set>
#include <utility>

#include "shim/select/field_table.h"
#include "shim/select/split.h"

namespace kubase::select {
namespace {

// Beyond these characters a path may need quotes, or mean something else than a name.
bool IsPlainName(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

// What is in the metadata cannot be selected; kube-apiserver refuses to define it.
bool IsSelectable(const std::vector<std::string>& names) {
  return names.front() != "metadata" && std::all_of(names.begin(), names.end(), IsPlainName);
}

}  // namespace

FieldTablePtr CustomFields(const std::vector<std::string>& json_paths) {
  std::vector<SelectableField> fields;
  for (const std::string& path : std::set<std::string>(json_paths.begin(), json_paths.end())) {
    if (!path.starts_with('.')) continue;
    std::string name = path.substr(1);
    std::vector<std::string> names = Split(name, '.');
    if (!IsSelectable(names)) continue;
    fields.push_back({std::move(name), {{std::move(names), {}}}, "", ""});
  }
  return std::make_shared<const FieldTable>(std::move(fields));
}

}  // namespace kubase::select
