// kube-apiserver's layout of keys.
#include "shim/store/kind.h"

#include <utility>

namespace kubase::store {
namespace {

constexpr std::string_view kRegistry = "/registry/";

KeyRange PrefixRange(std::string_view prefix) {
  std::string end(prefix);
  ++end.back();  // the prefix ends in '/', so this never overflows
  return {std::string(prefix), std::move(end)};
}

Kind OtherKind(std::string_view key) {
  KeyRange range{std::string(key), std::string(1, '\0')};
  if (key < kRegistry) range.range_end = kRegistry;
  return {"(other)", std::move(range)};
}

// Beside those of kinds.
Kind LoneKey(std::string_view key) {
  return {"(other)", {std::string(key), std::string(key) + '\0'}};
}

// "/registry/services/specs/…" are services, "/registry/services/endpoints/…" endpoints, and nodes
// are still called minions (kubernetes pkg/registry/core/…/storage).
std::string ResourceName(std::string_view first, std::string_view second) {
  if (first == "services") return second == "specs" ? "services" : std::string(second);
  if (first == "minions") return "nodes";
  if (second.empty()) return std::string(first);
  return std::string(second) + "." + std::string(first);
}

Result<KeyValuePtr> FirstFrom(sql::Connection& connection, const Meta& meta,
                              const std::string& key) {
  KeyValuePtr first;
  KUBASE_TRY(ScanRange(connection, meta, {key, std::string(1, '\0')}, meta.revision, 1, true,
                       [&](KeyValuePtr kv) {
                         first = std::move(kv);
                         return false;
                       }));
  return first;
}

}  // namespace

Kind KindOfKey(std::string_view key) {
  if (!key.starts_with(kRegistry)) return OtherKind(key);
  const size_t first_end = key.find('/', kRegistry.size());
  if (first_end == std::string_view::npos) return LoneKey(key);
  const std::string_view first = key.substr(kRegistry.size(), first_end - kRegistry.size());
  const bool two_parts = first.find('.') != std::string_view::npos || first == "services";
  const size_t second_end = two_parts ? key.find('/', first_end + 1) : std::string_view::npos;
  // Of a group's own keys, its resources would be a part.
  if (two_parts && second_end == std::string_view::npos) return LoneKey(key);
  if (!two_parts) {
    return {ResourceName(first, ""), PrefixRange(key.substr(0, first_end + 1))};
  }
  const std::string_view second = key.substr(first_end + 1, second_end - first_end - 1);
  return {ResourceName(first, second), PrefixRange(key.substr(0, second_end + 1))};
}

KeyParts PartsOfKey(std::string_view key) {
  KeyParts parts{.kind = KindOfKey(key)};
  const std::string_view rest = key.substr(parts.kind.range.key.size());
  const size_t slash = rest.find('/');
  if (slash != std::string_view::npos) parts.name_space = rest.substr(0, slash);
  parts.name = rest.substr(slash == std::string_view::npos ? 0 : slash + 1);
  return parts;
}

std::optional<Kind> KindOfCustomResource(std::string_view resource) {
  const size_t dot = resource.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view group = resource.substr(dot + 1);
  if (group.find('.') == std::string_view::npos) return std::nullopt;
  std::string prefix(kRegistry);
  prefix.append(group).append("/").append(resource.substr(0, dot)).append("/");
  return Kind{std::string(resource), PrefixRange(prefix)};
}

Result<std::vector<Kind>> ListKinds(sql::Connection& connection, const Meta& meta) {
  std::vector<Kind> kinds;
  std::string from;
  while (true) {
    KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr first, FirstFrom(connection, meta, from));
    if (first == nullptr) return kinds;
    kinds.push_back(KindOfKey(first->key));
    const KeyRange& range = kinds.back().range;
    if (range.IsUnbounded()) return kinds;
    from = range.range_end;
  }
}

}  // namespace kubase::store
