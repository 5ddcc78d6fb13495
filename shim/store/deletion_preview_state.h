// What the simulation of a deletion knows of the objects that it has come to. Private to it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shim/collect/judgement.h"
#include "shim/collect/object_metadata.h"
#include "shim/store/deletion_effects.h"
#include "shim/store/types.h"

namespace kubase::store::preview {

using By = DeletionEffect::By;
using Outcome = DeletionEffect::Outcome;
using Uids = std::vector<std::string>;
using collect::ObjectMetadata;
using collect::OwnerState;
using collect::Propagation;

struct Object {
  KeyValuePtr pair;
  ObjectMetadata metadata;
  bool has_dependents = false;
};

// An object that goes and whose dependents have not been visited yet.
struct Going {
  std::string uid;
  std::string name;
  Propagation propagation = Propagation::kBackground;
  By by = By::kStorage;
  std::optional<size_t> listed;
};

// An object that may be met again, as a dependent of others or as an owner.
struct Known {
  Outcome outcome = Outcome::kDeleted;
  Propagation propagation = Propagation::kBackground;
  Uids lost;
  std::optional<size_t> listed;  // where, among the effects
};

// The references that an object has left, and what they lead to by now.
struct OwnersLeft {
  ObjectMetadata object;  // with these references only
  std::vector<OwnerState> states;
  std::string solid;     // one that is there
  std::string doubtful;  // one that cannot be told
  std::string blocked;   // one whose dependents stay until it is gone, which is not soon
};

// A dependent that keeps its owner from going.
struct Holder {
  std::string uid;
  Outcome outcome = Outcome::kDeleted;
};

}  // namespace kubase::store::preview
