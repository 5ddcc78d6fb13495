// Reads the attributes of an object from its stored bytes: JSON, or the protobuf that
// kube-apiserver stores ("k8s\0", then a runtime.Unknown). Only what is needed is read.
#pragma once

#include <string_view>

#include "shim/select/attributes.h"
#include "shim/select/field_table.h"

namespace kubase::select {

enum class Encoding {
  kJson,        // begins with '{', after white space
  kProtobuf,    // begins with "k8s\0"
  kUnreadable,  // made by Kubernetes, but not to be read: "k8s:enc:…", CBOR (0xd9d9f7)
  kForeign,     // nothing that Kubernetes writes
};
Encoding EncodingOf(std::string_view value);

// "NAME" or "NAMESPACE/NAME": the part of a key of kube-apiserver's layout behind its kind.
bool IsObjectName(std::string_view name_in_kind);

// The attributes of an object whose key is the prefix of its kind and then `name_in_kind`: "NAME"
// or "NAMESPACE/NAME". Never fails: what is malformed is not readable. Thread-safe; an object of
// 1 kB takes about a microsecond.
Attributes ReadAttributes(const FieldTable& fields, std::string_view name_in_kind,
                          std::string_view value);

}  // namespace kubase::select
