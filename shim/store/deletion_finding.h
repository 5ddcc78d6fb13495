// DeletionFinding: what a simulated deletion makes of one object.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shim/collect/deletion.h"
#include "shim/collect/object_metadata.h"
#include "shim/store/deletion_effects.h"
#include "shim/store/types.h"

namespace kubase::store {

struct DeletionFinding {
  DeletionEffect::Outcome outcome = DeletionEffect::Outcome::kDeleted;
  DeletionEffect::By by = DeletionEffect::By::kStorage;
  std::string why;
  // Of what goes: what becomes of its dependents.
  collect::Propagation propagation = collect::Propagation::kBackground;
  // The owners (UIDs) whose references it does not have any more.
  std::vector<std::string> lost;
};

// Whether the object will be deleted, blocked or not.
inline bool Goes(DeletionEffect::Outcome outcome) {
  return outcome == DeletionEffect::Outcome::kDeleted ||
         outcome == DeletionEffect::Outcome::kBlocked;
}

// Of an object that is being deleted, with these finalizers.
DeletionFinding FindEnding(std::vector<std::string> finalizers, std::string why);

// Of an object that somebody deletes. `now`: seconds since 1970.
DeletionFinding FindDeletion(const KeyValue& pair, const collect::ObjectMetadata& object,
                             collect::Propagation propagation, std::string why, int64_t now);

}  // namespace kubase::store
