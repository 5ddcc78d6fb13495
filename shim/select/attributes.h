// Attributes: what selectors can ask of one stored object.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kubase::select {

// Sorted by name; each name once.
using NamedValues = std::vector<std::pair<std::string, std::string>>;

struct Attributes {
  // False: the value is not one that can be read (encrypted, CBOR, unknown, malformed), or it is
  // not certain what kube-apiserver would decode from it. Such an object matches every selector,
  // but for what its key says; labels and fields are empty.
  bool readable = false;
  NamedValues labels;
  // The selectable fields of the object's kind, all of them: where the object has none, with the
  // value that decoding gives it. A selector on any other field cannot be decided here.
  NamedValues fields;
  // From the key, so known of unreadable objects as well. Empty for the objects of the cluster.
  // A key that is not of kube-apiserver's layout tells neither, unless `named`.
  bool named = true;
  std::string name;
  std::string object_namespace;

  bool operator==(const Attributes&) const = default;
};

// Null: there is no such name.
const std::string* FindValue(const NamedValues& values, std::string_view name);

}  // namespace kubase::select
