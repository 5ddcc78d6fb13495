// KeyChange: what a revision made of a key.
#pragma once

#include <string>

#include "shim/store/types.h"

namespace kubase::store {

// What a key was before a revision and is after it; null: not there.
struct KeyChange {
  std::string key;
  Revision revision = 0;
  KeyValuePtr before;
  KeyValuePtr after;
};

}  // namespace kubase::store
