// FieldTable: the selectable fields of one kind, and where they are in a stored object.
//
// Beside metadata.name and metadata.namespace, which come from the key. Built-in kinds have a table
// each (kubernetes pkg/apis/*/v1/conversion.go and pkg/registry/*/strategy.go; a test compares them
// with what kube-apiserver itself accepts); custom resources have what their
// CustomResourceDefinition lists in selectableFields.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kubase::select {

// One place of a field's value. The first of a field's places that has a value which is neither
// absent nor "" counts.
struct FieldPlace {
  std::vector<std::string> json;   // names from the root down: {"spec", "nodeName"}
  std::vector<uint32_t> protobuf;  // numbers from the root down; empty: only kept as JSON
};

struct SelectableField {
  std::string name;  // as selectors call it: "spec.nodeName"
  std::vector<FieldPlace> places;
  // What kube-apiserver decodes when no place has a value: "" or a default such as "Always",
  // "false" for a boolean, "0" for a number. It tells the type of the field in built-in resources.
  std::string absent;
  // The value that nearly all objects have and that is therefore not worth an index entry. Null:
  // every value is worth one.
  std::optional<std::string> common;
};

// What decoding does to the labels of a kind (SetDefaults_* in kubernetes
// pkg/apis/*/v1/defaults.go).
struct DecodedLabels {
  bool with_name = false;  // "kubernetes.io/metadata.name" becomes the object's name
  // The metadata whose labels an object without any gets; empty paths: it gets none.
  FieldPlace if_none;
};

class FieldTable {
 public:
  FieldTable() = default;
  // `api_versions`: see Reads.
  explicit FieldTable(std::vector<SelectableField> fields, DecodedLabels decoded_labels = {},
                      std::vector<std::string> api_versions = {});

  const DecodedLabels& decoded_labels() const { return decoded_labels_; }
  const std::vector<SelectableField>& fields() const { return fields_; }  // sorted by name
  // Null: selectors on it cannot be decided here.
  const SelectableField* Find(std::string_view name) const;
  // Whether an object that says that it is of this apiVersion ("batch/v1") has its fields where the
  // table says, and the labels that are stored. Those that say none do.
  bool Reads(std::string_view api_version) const;
  // One line. Tables with the same one find the same in every object.
  const std::string& description() const { return description_; }

 private:
  std::vector<SelectableField> fields_;
  DecodedLabels decoded_labels_;
  std::vector<std::string> api_versions_;  // empty: any in which labels mean the same
  std::string description_;
};

// shared: the kind's entry and the reads that use it own a table together; it never changes.
using FieldTablePtr = std::shared_ptr<const FieldTable>;

// The table of a built-in resource, by the name that its keys give it: that among API resources
// ("pods", "nodes", "jobs"…), but "controllers" for replicationcontrollers.
// Never null; empty for a resource without selectable fields of its own and for any other name.
FieldTablePtr BuiltInFields(std::string_view resource);
// The resources whose table is not empty, sorted.
std::vector<std::string> BuiltInResources();

// The table for custom resources with these JSON paths, in the form of selectableFields[].jsonPath
// (".spec.color"). Paths that are not of that form are left out: they cannot be decided here.
FieldTablePtr CustomFields(const std::vector<std::string>& json_paths);

struct CustomDefinition {
  std::string resource;  // "shirts.stable.example.com"
  // "Shirt"; "" while kube-apiserver does not serve it: it has not been accepted yet, or another
  // definition of the group has the name (apiextensions-apiserver
  // customresource_discovery_controller.go).
  std::string served_kind;
  bool namespaced = false;
  std::vector<std::string> served_versions;
  // Of all versions: sorted, each once.
  std::vector<std::string> selectable_json_paths;
};
// Reads a stored CustomResourceDefinition, JSON or protobuf. Null: it cannot be read, or is
// malformed.
std::optional<CustomDefinition> ReadCustomDefinition(std::string_view value);

}  // namespace kubase::select
