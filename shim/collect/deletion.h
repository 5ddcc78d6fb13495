// What the deletion of an object makes of it, as kube-apiserver does it (k8s.io/apiserver
// pkg/registry/generic/registry/store.go and pkg/registry/rest/delete.go).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shim/collect/metadata_edit.h"
#include "shim/collect/object_metadata.h"

namespace kubase::collect {

// What becomes of the dependents.
enum class Propagation { kBackground, kForeground, kOrphan };

// Null: the object goes at once. Else what changes; nothing at all when it is on its way out
// already. `grace_seconds`: as GraceSecondsOf; `now`: seconds since 1970.
std::optional<MetadataEdit> EditForDeletion(const ObjectMetadata& object, Propagation propagation,
                                            int64_t grace_seconds, int64_t now);

// The object without one of its finalizers. Null: it goes, as it was the last one and the object
// is being deleted. `object` has the finalizer.
std::optional<MetadataEdit> EditForFinalized(const ObjectMetadata& object,
                                             std::string_view finalizer);

// How long an object that is stored under this prefix has to end by itself: Pods on a node have
// some time, all else has none. Null: the object cannot be read.
std::optional<int64_t> GraceSecondsOf(std::string_view prefix, std::string_view value);

}  // namespace kubase::collect
