// What the index of attributes holds of a kind and of an object.
#include "shim/store/indexed_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "shim/select/object_reader.h"

namespace kubase::store {

namespace {

std::string FieldsText(const std::vector<std::string>& json_paths) {
  std::string text;
  for (const std::string& path : json_paths) text.append(path).append("\n");
  return text;
}

IndexedKind ParseKind(const sql::Row& row) {
  std::string_view fields = row.Bytes(2);
  std::string_view form;
  if (!fields.starts_with('.')) {  // as paths do, and no form
    form = fields.substr(0, fields.find('\n'));
    fields.remove_prefix(std::min(form.size() + 1, fields.size()));
  }
  return {.id = row.Int(0),
          .prefix = std::string(row.Bytes(1)),
          .fields = std::string(fields),
          .form = std::string(form),
          .indexed_since = row.Int(3),
          .indexed_to = std::string(row.Bytes(4)),
          .foreign_values = row.Int(5) != 0};
}

}  // namespace

Result<std::vector<IndexedKind>> ReadKinds(sql::Connection& connection) {
  std::vector<IndexedKind> kinds;
  KUBASE_TRY(connection.Select(sql::Query::kListKinds, {}, [&](const sql::Row& row) {
    kinds.push_back(ParseKind(row));
    return true;
  }));
  return kinds;
}

Result<std::optional<IndexedKind>> ReadKind(sql::Connection& connection,
                                            const std::string& prefix) {
  std::optional<IndexedKind> kind;
  const sql::Value params[] = {prefix};
  KUBASE_TRY(connection.Select(sql::Query::kGetKind, params, [&](const sql::Row& row) {
    kind = ParseKind(row);
    return false;
  }));
  return kind;
}

std::string FormOf(const select::FieldTable& fields) {
  return fmt::format("{} {}", kFormVersion, fields.description());
}

bool IndexedKind::IsMadeBy(const select::FieldTable& table) const {
  return form == FormOf(table);
}

std::string FieldsColumn(const IndexedKind& kind) {
  return kind.form + '\n' + kind.fields;
}

select::FieldTablePtr FieldsOf(const IndexedKind& kind, std::string_view resource) {
  if (kind.fields.empty()) return select::BuiltInFields(resource);
  std::vector<std::string> paths;
  for (size_t at = 0; at < kind.fields.size();) {
    const size_t end = kind.fields.find('\n', at);
    paths.push_back(kind.fields.substr(at, end - at));
    at = end + 1;
  }
  return select::CustomFields(paths);
}

std::optional<DeclaredFields> ReadDeclaredFields(std::string_view definition) {
  const auto read = select::ReadCustomDefinition(definition);
  if (!read) return std::nullopt;
  std::optional<Kind> kind = KindOfCustomResource(read->resource);
  if (!kind) return std::nullopt;
  return DeclaredFields{std::move(*kind), FieldsText(read->selectable_json_paths)};
}

std::string_view ObjectName(std::string_view key, std::string_view prefix) {
  return key.substr(std::min(prefix.size(), key.size()));
}

std::string IndexedLabel(std::string_view label) {
  return std::string("l/").append(label);
}

std::string IndexedField(std::string_view field) {
  return std::string("f/").append(field);
}

std::string_view IndexedValue(std::string_view value) {
  return value.substr(0, kIndexedValueBytesMax);
}

Result<std::optional<int64_t>> FindAttributeName(sql::Connection& connection, int64_t kind,
                                                 const std::string& name) {
  std::optional<int64_t> id;
  const sql::Value params[] = {kind, name};
  KUBASE_TRY(connection.Select(sql::Query::kGetAttributeName, params, [&](const sql::Row& row) {
    id = row.Int(0);
    return false;
  }));
  return id;
}

bool IsForeign(std::string_view object_name, std::string_view value) {
  return object_name.empty() || !select::IsObjectName(object_name) ||
         select::EncodingOf(value) == select::Encoding::kForeign;
}

IndexEntries EntriesOf(const select::FieldTable& fields, std::string_view object_name,
                       std::string_view value) {
  IndexEntries entries;
  const select::Attributes object = select::ReadAttributes(fields, object_name, value);
  if (!object.readable) return {{std::string(kIndexedUnreadable), ""}};
  entries.reserve(object.labels.size() + object.fields.size());
  for (const auto& [name, held] : object.fields) {
    const select::SelectableField* field = fields.Find(name);
    if (field == nullptr || field->common == held) continue;
    if (name.size() > kIndexedNameBytesMax) return {{std::string(kIndexedUnreadable), ""}};
    entries.emplace_back(IndexedField(name), IndexedValue(held));
  }
  for (const auto& [name, held] : object.labels) {
    if (name.size() > kIndexedNameBytesMax) return {{std::string(kIndexedUnreadable), ""}};
    entries.emplace_back(IndexedLabel(name), IndexedValue(held));
  }
  return entries;  // 'f' before 'l', and each in its order
}

}  // namespace kubase::store
