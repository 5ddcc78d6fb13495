// ServedKinds: where kube-apiserver keeps the objects that an owner reference can name.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kubase::collect {

// The keys of a kind are the prefix, the namespace and a slash where it has namespaces, the name.
struct ServedKind {
  std::string prefix;  // "/registry/apps/…/", with the slash at its end
  bool namespaced = false;

  bool operator==(const ServedKind&) const = default;
};

// What the group without a name is called in names.
inline constexpr std::string_view kCoreGroup = "core";

// A kind with the names that people give it.
struct NamedKind {
  std::string group;     // "" of the core
  std::string kind;      // "Deployment"
  std::string resource;  // "deployments"
  ServedKind served;
};

// What a CustomResourceDefinition serves.
struct DefinedKind {
  std::string group;
  std::string kind;
  std::vector<std::string> versions;
  ServedKind served;

  bool operator==(const DefinedKind&) const = default;
};
// Reads a stored CustomResourceDefinition, JSON or protobuf. Null: it is not served (yet), cannot
// be read, is malformed, or its group has no dot, which kube-apiserver admits for none.
std::optional<DefinedKind> ReadDefinedKind(std::string_view value);

// One thread.
class ServedKinds {
 public:
  // The kind "apps/v1" "Deployment". Built-in kinds are known by the versions that kube-apiserver
  // 1.37 serves unless told otherwise. Null: not served, as far as is known here (the kinds of
  // other API servers are not), or two definitions have the name. Valid until the next change.
  const ServedKind* Find(std::string_view api_version, std::string_view kind) const;

  // What a name may mean: a kind or a resource, in any case, and behind a dot its group if need be
  // (kCoreGroup for that without a name).
  std::vector<NamedKind> FindByName(std::string_view name) const;
  // The kind whose keys have this prefix; null: none is known.
  std::optional<NamedKind> FindByPrefix(std::string_view prefix) const;

  // The definition with this key is `definition` now; null: there is none any more, or it is not
  // served. Whether that changes anything.
  bool Define(const std::string& key, std::optional<DefinedKind> definition);
  void Clear() {
    by_name_.clear();
    defined_.clear();
  }

 private:
  // "GROUP/VERSION KIND". While a name goes from one definition to another both may have it.
  using ByName = std::multimap<std::string, const DefinedKind*, std::less<>>;

  void EraseName(const std::string& name, const DefinedKind& kind);

  std::map<std::string, DefinedKind> defined_;  // by the definition's key
  ByName by_name_;
};

}  // namespace kubase::collect
