// How kube-apiserver marks the encoding of what it stores.
#pragma once

#include <optional>
#include <string_view>

namespace kubase::select {

inline constexpr std::string_view kProtobufPrefix("k8s\0", 4);

// The object in the envelope, both protobuf. Null: the envelope is malformed, or it says that what
// is in it is encoded in another way, which kube-apiserver does not write.
std::optional<std::string_view> ProtobufContent(std::string_view envelope);

}  // namespace kubase::select
