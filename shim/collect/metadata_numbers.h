// The numbers of what is read and changed in protobuf (k8s.io/apimachinery
// pkg/apis/meta/v1/generated.proto and pkg/runtime/generated.proto).
#pragma once

#include <cstdint>

namespace kubase::collect {

// runtime.Unknown, the envelope.
inline constexpr uint32_t kRaw = 2;

// The types of all kinds that are stored have their metadata at 1; a Namespace has its status at 3.
inline constexpr uint32_t kMetadata = 1;
inline constexpr uint32_t kNamespaceStatus = 3;
inline constexpr uint32_t kNamespacePhase = 1;

// ObjectMeta
inline constexpr uint32_t kUid = 5;
inline constexpr uint32_t kGeneration = 7;
inline constexpr uint32_t kDeletionTime = 9;
inline constexpr uint32_t kDeletionGraceSeconds = 10;
inline constexpr uint32_t kLabels = 11;
inline constexpr uint32_t kAnnotations = 12;
inline constexpr uint32_t kOwners = 13;
inline constexpr uint32_t kFinalizers = 14;

// Time
inline constexpr uint32_t kTimeSeconds = 1;
inline constexpr uint32_t kTimeNanos = 2;

// An entry of the labels or annotations
inline constexpr uint32_t kEntryKey = 1;
inline constexpr uint32_t kEntryValue = 2;

// OwnerReference
inline constexpr uint32_t kOwnerKind = 1;
inline constexpr uint32_t kOwnerName = 3;
inline constexpr uint32_t kOwnerUid = 4;
inline constexpr uint32_t kOwnerApiVersion = 5;
inline constexpr uint32_t kOwnerBlocks = 7;

}  // namespace kubase::collect
