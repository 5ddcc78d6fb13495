// Changes of the metadata of a stored object, as kube-apiserver would make them for the garbage
// collector of kube-controller-manager. All else stays as it is, byte for byte; managedFields are
// not kept in step (kube-apiserver drops what is there no more with its next write).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kubase::collect {

struct MetadataEdit {
  // All references to these are taken away.
  std::vector<std::string> removed_owners;  // UIDs
  enum class Unblock {
    kNone,
    kBlocking,  // those whose blockOwnerDeletion is true get false
    kAll,       // every one gets false
  };
  Unblock unblock = Unblock::kNone;
  // Instead of those that there are; an empty list takes the field away.
  std::optional<std::vector<std::string>> finalizers;
  struct Deletion {
    int64_t time = 0;  // seconds since 1970
    int64_t grace_seconds = 0;

    bool operator==(const Deletion&) const = default;
  };
  std::optional<Deletion> deletion;  // instead of what there is
  std::optional<int64_t> generation;

  bool operator==(const MetadataEdit&) const = default;
};

// The value with its metadata changed, in the encoding that it has. Null: as ReadMetadata. A list
// that is empty afterwards is left out, as kube-apiserver does. Thread-safe.
std::optional<std::string> EditMetadata(std::string_view value, const MetadataEdit& edit);

// The value with status.phase "Terminating", which the deletion of a Namespace begins with. Null:
// as ReadMetadata.
std::optional<std::string> WithTerminatingPhase(std::string_view value);

}  // namespace kubase::collect
