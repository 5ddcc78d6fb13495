// Names by the table of built-in kinds and by the definitions of custom ones.
#include "shim/store/kind_names.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "shim/store/kind.h"

namespace kubase::store {

Result<void> KindNames::Load(sql::Connection& connection, const Meta& meta) {
  return ScanRange(connection, meta, KindOfKey(kDefinitionsPrefix).range, meta.revision, -1, false,
                   [this](const KeyValuePtr& definition) {
                     kinds_.Define(definition->key, collect::ReadDefinedKind(definition->value));
                     return true;
                   });
}

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
  const Kind kind = KindOfKey(key);
  NamedObject object{.kind = kind.name};
  if (auto named = kinds_.FindByPrefix(kind.range.key); named) {
    object.group = std::move(named->group);
    object.kind = std::move(named->kind);
  }
  const std::string_view rest = key.substr(kind.range.key.size());
  const size_t slash = rest.find('/');
  if (slash != std::string_view::npos) object.name_space = rest.substr(0, slash);
  object.name = rest.substr(slash == std::string_view::npos ? 0 : slash + 1);
  return object;
}

}  // namespace kubase::store
