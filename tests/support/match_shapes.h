// Every form of a search by attributes that makes a difference to a plan.
#pragma once

#include <functional>
#include <string>

#include "shim/sql/matching.h"

namespace kubase::testing {

inline void ForEachMatchShape(const std::function<void(const sql::MatchShape&)>& check) {
  for (int bits = 0; bits < 256; ++bits) {
    const auto bit = [bits](int i) { return (bits >> i & 1) != 0; };
    sql::MatchShape shape{.driver_values = bit(0) ? (bit(1) ? 3 : 1) : 0,
                          .unreadable = bit(0) && bit(2),
                          .at_revision = bit(3),
                          .bounded = bit(4),
                          .keys_only = bit(5)};
    if (bit(0) && bit(6)) shape.required = {1, 2};
    if (bit(7)) shape.excluded = {2, 1};
    check(shape);
  }
}

// Its parameters in their order, 'b' for bytes and 'n' for a number (shim/sql/matching.h).
inline std::string ParametersOf(const sql::MatchShape& shape) {
  std::string types = shape.bounded ? "bbb" : "bb";
  if (shape.at_revision) types += 'n';
  if (shape.unreadable) types += 'n';
  const auto attribute = [&](int values) { types += 'n' + std::string(values, 'b'); };
  if (shape.driver_values > 0) attribute(shape.driver_values);
  for (const int values : shape.required) attribute(values);
  for (const int values : shape.excluded) attribute(values);
  return types + 'n';
}

}  // namespace kubase::testing
