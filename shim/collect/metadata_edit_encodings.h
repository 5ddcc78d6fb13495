// The changes of metadata_edit.h in each of the two encodings.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "shim/collect/metadata_edit.h"
#include "shim/collect/object_metadata.h"

namespace kubase::collect {

// `metadata` is what ReadMetadata gives for the value.
std::optional<std::string> EditJson(std::string_view json, const ObjectMetadata& metadata,
                                    const MetadataEdit& edit);
std::optional<std::string> EditProtobuf(std::string_view envelope, const ObjectMetadata& metadata,
                                        const MetadataEdit& edit);

std::optional<std::string> JsonWithPhase(std::string_view json, std::string_view phase);
std::optional<std::string> ProtobufWithPhase(std::string_view envelope, std::string_view phase);

inline bool ChangesOwners(const MetadataEdit& edit) {
  return !edit.removed_owners.empty() || edit.unblock != MetadataEdit::Unblock::kNone;
}

inline bool Removes(const MetadataEdit& edit, const OwnerReference& owner) {
  const auto& removed = edit.removed_owners;
  return std::find(removed.begin(), removed.end(), owner.uid) != removed.end();
}

inline bool Unblocks(const MetadataEdit& edit, const OwnerReference& owner) {
  return edit.unblock == MetadataEdit::Unblock::kAll ||
         (edit.unblock == MetadataEdit::Unblock::kBlocking && owner.block_owner_deletion);
}

}  // namespace kubase::collect
