// Names by the table of built-in kinds and by the definitions of custom ones.
#include "shim/store/kind_names.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "shim/store/kind.h"

namespace kubase::store {

Result<collect::NamedKind> KindNames::Find(const std::string& name) const {
  std::vector<collect::NamedKind> found = kinds_.FindByName(name);
  if (found.size() == 1) return std::move(found.front());
  if (found.empty()) {
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("there is no kind or resource \"{}\" whose garbage is collected here", name)};
  }
  std::vector<std::string> names;
  for (const collect::NamedKind& kind : found) {
    names.push_back(
        fmt::format("{}.{}", kind.resource, kind.group.empty() ? collect::kCoreGroup : kind.group));
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("\"{}\" may mean {}", name, fmt::join(names, " or "))};
}

NamedObject KindNames::NameOf(std::string_view key) const {
  const KeyParts parts = PartsOfKey(key);
  NamedObject object{.kind = parts.kind.name};
  if (auto named = kinds_.FindByPrefix(parts.kind.range.key); named) {
    object.group = std::move(named->group);
    object.kind = std::move(named->kind);
  }
  object.name_space = parts.name_space;
  object.name = parts.name;
  return object;
}

}  // namespace kubase::store
