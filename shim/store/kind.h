// Kinds: kube-apiserver's layout of keys.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/pairs.h"
#include "shim/store/types.h"

namespace kubase::store {

// The resource a key belongs to, and the range of all its keys.
struct Kind {
  std::string name;  // "pods", "shirts.stable.example.com"; "(other)" outside /registry/
  KeyRange range;    // of a resource: the keys with a prefix

  bool IsOther() const { return name.front() == '('; }
};

// kube-apiserver's layout: /registry/RESOURCE/… for the built-in resources it has always had, and
// /registry/GROUP/RESOURCE/… where the group has a dot.
Kind KindOfKey(std::string_view key);

// A key in parts; the last two are views of it. name_space: "" for the objects of the cluster.
struct KeyParts {
  Kind kind;
  std::string_view name_space;
  std::string_view name;
};
KeyParts PartsOfKey(std::string_view key);

// The kind of custom resources "PLURAL.GROUP"; null when GROUP has no dot, which no group of custom
// resources lacks.
std::optional<Kind> KindOfCustomResource(std::string_view resource);

// The kinds that a snapshot has live keys of, the rest of the keys among them, in the order of the
// keys. Costs an index look-up a kind. Errors: those of the database.
Result<std::vector<Kind>> ListKinds(sql::Connection& connection, const Meta& meta);

// Where Namespaces are kept.
inline constexpr std::string_view kNamespacesPrefix = "/registry/namespaces/";

// Where CustomResourceDefinitions are kept.
inline constexpr std::string_view kDefinitionsPrefix =
    "/registry/apiextensions.k8s.io/customresourcedefinitions/";

}  // namespace kubase::store
