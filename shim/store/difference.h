// What one sorted list has and another has not.
#pragma once

#include <algorithm>
#include <iterator>
#include <vector>

namespace kubase::store {

template <typename Row>
std::vector<Row> Difference(const std::vector<Row>& from, const std::vector<Row>& without) {
  std::vector<Row> rest;
  std::set_difference(from.begin(), from.end(), without.begin(), without.end(),
                      std::back_inserter(rest));
  return rest;
}

}  // namespace kubase::store
