// The text of a search by attributes (matching.h), as an engine wants it to be written.
#pragma once

#include <string>
#include <string_view>

#include "shim/sql/matching.h"

namespace kubase::sql {

// Where the engines differ. Rows of an attribute with one value are in the order of their objects'
// names, and so are the objects; the rows of several values have to be merged.
struct MatchStyle {
  // A join that reads its left side first, and for each of its rows the right one.
  std::string_view join;
  // Whether the parts of a union are each searched up to the limit, as the engine sorts what it
  // merges. Else they are merged in order before they are joined.
  bool limits_arms = false;
  // Of a prefix and a name: a key, as bytes.
  std::string_view key;
  // Whether a subquery, "SELECT 1 FROM … WHERE …", has a row: a look-up for each row outside.
  std::string_view exists;
  // Whether a look-up has one value only: of several, the engine would read all rows.
  bool splits_values = false;
};

// Of a connection: more forms of selectors than a cluster has in use at a time.
inline constexpr size_t kPreparedMatchesMax = 64;

inline constexpr MatchStyle kSqliteMatchStyle{
    .join = "CROSS JOIN", .key = "CAST({} || {} AS BLOB)", .exists = "EXISTS({})"};

// In the SQL of statements.h.
std::string MatchText(const MatchShape& shape, const MatchStyle& style);

}  // namespace kubase::sql
