// At random: nobody has to know which epochs there were.
#include "shim/sql/epoch.h"

#include <random>

namespace kubase::sql {

int64_t NewEpoch() {
  std::random_device random;
  const uint64_t bits = uint64_t{random()} << 32 | random();
  return static_cast<int64_t>(bits >> 2) + 1;
}

}  // namespace kubase::sql
