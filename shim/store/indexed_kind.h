// IndexedKind: a row of `kinds`, and the entries that its objects have in the index of attributes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shim/base/result.h"
#include "shim/select/field_table.h"
#include "shim/sql/database.h"
#include "shim/store/kind.h"
#include "shim/store/types.h"

namespace kubase::store {

struct IndexedKind {
  static constexpr Revision kNotYet = -1;

  int64_t id = 0;
  std::string prefix;  // of its keys
  // Of custom resources: the JSON paths of the selectable fields, each followed by a line feed.
  std::string fields;
  // What its entries were made by; see FormOf.
  std::string form;
  // A read at or above this revision finds every object in the index. kNotYet: the index is being
  // filled, and has the objects up to the name `indexed_to`.
  Revision indexed_since = kNotYet;
  std::string indexed_to;
  // Some of its pairs are nothing that Kubernetes writes. They match every selector but are not in
  // the index, so that keeping other things than objects here costs nothing.
  bool foreign_values = false;

  bool IsIndexed(std::string_view object_name) const {
    return indexed_since != kNotYet || object_name <= indexed_to;
  }
  // Whether its entries are of the form that this kubase makes by these fields, which are its own.
  bool IsMadeBy(const select::FieldTable& table) const;
  // What has become of a kind whose fields have changed: its entries are on their way out.
  bool IsDropped() const { return !prefix.starts_with('/'); }
};

// Raised when ReadAttributes, EntriesOf or IsForeign tell of some object what they did not tell
// before.
inline constexpr int kFormVersion = 1;
// This version and the table of fields, as one line: entries of another form were made by another
// version of kubase, and may miss what this one finds.
std::string FormOf(const select::FieldTable& fields);
// As the column `fields` has them.
std::string FieldsColumn(const IndexedKind& kind);

// Those that are on their way out as well.
Result<std::vector<IndexedKind>> ReadKinds(sql::Connection& connection);
Result<std::optional<IndexedKind>> ReadKind(sql::Connection& connection, const std::string& prefix);
// `resource`: as KindOfKey names it.
select::FieldTablePtr FieldsOf(const IndexedKind& kind, std::string_view resource);

// What the definition of a custom resource says of its kind; `fields` as above.
struct DeclaredFields {
  Kind kind;
  std::string fields;
};
// Null: the value is no such definition, or of no kind that is indexed.
std::optional<DeclaredFields> ReadDeclaredFields(std::string_view definition);

// The key of an object without the prefix of its kind: "NAMESPACE/NAME" or "NAME".
std::string_view ObjectName(std::string_view key, std::string_view prefix);

// Names in the index: labels and fields may be called the same.
std::string IndexedLabel(std::string_view label);
std::string IndexedField(std::string_view field);
// What an unreadable object has instead, with an empty value.
inline constexpr std::string_view kIndexedUnreadable = "?";

// The id of a name in the index; null when no object of the kind ever had it.
Result<std::optional<int64_t>> FindAttributeName(sql::Connection& connection, int64_t kind,
                                                 const std::string& name);

// Longer values are indexed by their beginning; one of this length may be such a beginning.
inline constexpr size_t kIndexedValueBytesMax = 255;
std::string_view IndexedValue(std::string_view value);

// Objects with labels or fields of longer names count as unreadable; Kubernetes admits no such
// label.
inline constexpr size_t kIndexedNameBytesMax = 900;

// Whether a pair is nothing that Kubernetes writes, by its key or by its value.
bool IsForeign(std::string_view object_name, std::string_view value);

// Name and value of each entry of an object, sorted. Of a pair that is not foreign.
using IndexEntries = std::vector<std::pair<std::string, std::string>>;
IndexEntries EntriesOf(const select::FieldTable& fields, std::string_view object_name,
                       std::string_view value);

}  // namespace kubase::store
