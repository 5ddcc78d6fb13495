// ObjectContent: what the readers of the two encodings find in an object.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "shim/select/attributes.h"
#include "shim/select/field_table.h"

namespace kubase::select {

struct ObjectContent {
  NamedValues labels;
  NamedValues fields;
};

// Both give null when kube-apiserver would not decode the object, or when it is not certain what it
// would decode: a name or number on the way that comes twice, a value of another type.
std::optional<ObjectContent> ReadJson(const FieldTable& table, std::string_view json);
std::optional<ObjectContent> ReadProtobuf(const FieldTable& table, std::string_view envelope);

// Sorts by name. Null: a name comes twice.
std::optional<NamedValues> SortedByName(NamedValues values);

// What the field has by `value_at`, which gives the value at a place, "" for none, and null where
// that cannot be told. Null: as `value_at`.
template <typename ValueAt>
std::optional<std::string> ValueOf(const SelectableField& field, ValueAt value_at) {
  for (const FieldPlace& place : field.places) {
    std::optional<std::string> value = value_at(place);
    if (!value || !value->empty()) return value;
  }
  return field.absent;
}

// All fields of a table. Null: as `value_at`, which gets the field and the place.
template <typename ValueAt>
std::optional<NamedValues> ValuesOf(const FieldTable& table, ValueAt value_at) {
  NamedValues values;
  values.reserve(table.fields().size());
  for (const SelectableField& field : table.fields()) {
    std::optional<std::string> value =
        ValueOf(field, [&](const FieldPlace& place) { return value_at(field, place); });
    if (!value) return std::nullopt;
    values.emplace_back(field.name, std::move(*value));
  }
  return values;
}

}  // namespace kubase::select
