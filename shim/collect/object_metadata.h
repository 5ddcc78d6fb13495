// ObjectMetadata: what decides whether a stored object is garbage.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kubase::collect {

// Objects with this label, whatever its value, are collected by the storage:
// kube-controller-manager leaves them out of its cache. The name is HariKube's.
inline constexpr std::string_view kSkipLabel = "skip-controller-manager-metadata-caching";

// Finalizers that stand for a way of deletion (apimachinery pkg/apis/meta/v1/types.go).
inline constexpr std::string_view kOrphanFinalizer = "orphan";
inline constexpr std::string_view kForegroundFinalizer = "foregroundDeletion";

struct OwnerReference {
  std::string api_version;  // "apps/v1", "v1"
  std::string kind;
  std::string name;
  std::string uid;
  bool block_owner_deletion = false;

  bool operator==(const OwnerReference&) const = default;
};

struct ObjectMetadata {
  std::string uid;             // "" for what has none
  bool skips_caching = false;  // carries kSkipLabel
  std::vector<OwnerReference> owners;
  std::vector<std::string> finalizers;
  int64_t generation = 0;
  // When the object is (to be) gone, in seconds since 1970. Null: it is not being deleted.
  std::optional<int64_t> deletion_time;
  std::optional<int64_t> deletion_grace_seconds;

  bool IsBeingDeleted() const { return deletion_time.has_value(); }
  bool HasFinalizer(std::string_view finalizer) const;
  // The owner of others that waits until they are gone.
  bool WaitsForDependents() const { return IsBeingDeleted() && HasFinalizer(kForegroundFinalizer); }

  bool operator==(const ObjectMetadata&) const = default;
};

// The metadata of a stored object, JSON or the protobuf that kube-apiserver stores. Null: it cannot
// be read (encrypted, CBOR, nothing that Kubernetes writes), or kube-apiserver would not decode it,
// or it is not certain what it would decode: a name that comes twice, a value of another type.
// Thread-safe; never fails otherwise.
std::optional<ObjectMetadata> ReadMetadata(std::string_view value);

}  // namespace kubase::collect
