// MatchShape: the form of a statement that finds pairs by their attributes (queries.h).
//
// Selectors come in any number of forms, so these statements have no names of their own in the
// list; the dialect makes one text for each shape.
#pragma once

#include <compare>
#include <vector>

namespace kubase::sql {

// Parameters, in this order:
//   prefix of the kind;
//   first object name, and if `bounded` the one to stop before; without driver: first key, last
//   key; if `at_revision`: the revision; if `unreadable`: the attribute name that unreadable
//   objects carry (value: empty); attribute name and values of the driver, of each required, and of
//   each excluded attribute; limit (< 0: none).
// Rows: pair columns, in the order of the keys.
struct MatchShape {
  // The values of the attribute whose rows are searched; its objects have one of them. 0: the pairs
  // themselves are searched, and `required` is empty.
  int driver_values = 0;
  std::vector<int> required;  // for each further attribute: the values it may have
  std::vector<int> excluded;  // for each attribute: the values it must not have
  bool unreadable = false;    // unreadable objects match as well; only with a driver
  bool at_revision = false;   // as of a revision, instead of the newest
  bool bounded = false;
  bool keys_only = false;  // pairs have no value and no lease

  auto operator<=>(const MatchShape&) const = default;
};

}  // namespace kubase::sql
