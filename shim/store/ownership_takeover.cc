// Which writes of the collector of kube-controller-manager are refused.
#include <algorithm>
#include <optional>
#include <vector>

#include "shim/store/owner_index.h"
#include "shim/store/ownership.h"

namespace kubase::store {

using collect::ObjectMetadata;
using collect::OwnerReference;
using collect::OwnerState;

namespace {

bool CanBeFollowed(OwnerState owner) {
  return owner != OwnerState::kUnserved && owner != OwnerState::kMisplaced;
}

// Whether the collector can only take the owner for gone because of a label. One that is being
// deleted may have waited for its dependents when the collector saw it, and wait no longer.
bool IsMistakenForGone(const Owner& owner) {
  return owner.state == OwnerState::kSolid && (!owner.being_deleted || owner.leaves_orphans);
}

bool Contains(const std::vector<OwnerReference>& references, const OwnerReference& reference) {
  return std::find(references.begin(), references.end(), reference) != references.end();
}

}  // namespace

Result<bool> Ownership::TakeOver(const OwnershipView& view, const KeyValue& object,
                                 const std::string* new_value) {
  if (!collects_) return false;
  const std::optional<ObjectMetadata> before = collect::ReadMetadata(object.value);
  if (!before || !IsCollected(object.key)) return false;
  std::optional<ObjectMetadata> after;
  if (new_value != nullptr) after = collect::ReadMetadata(*new_value);
  KUBASE_ASSIGN_OR_RETURN(const bool taken, IsTaken(view, object.key, *before, after));
  if (!taken) return false;
  KUBASE_ASSIGN_OR_RETURN(const bool has_label, HasLabel(view.connection, *before));
  KUBASE_TRY(OweEnding(view.connection, object.key, *before, has_label));
  return true;
}

Result<bool> Ownership::IsTaken(const OwnershipView& view, const std::string& key,
                                const ObjectMetadata& before,
                                const std::optional<ObjectMetadata>& after) {
  if (after && after->IsBeingDeleted() == before.IsBeingDeleted() &&
      after->finalizers == before.finalizers) {
    return TakesOwner(view, key, before, *after);
  }
  KUBASE_ASSIGN_OR_RETURN(const bool ours, IsOurs(view, key, before));
  if (ours || before.IsBeingDeleted()) return ours;  // else somebody else wanted that
  KUBASE_ASSIGN_OR_RETURN(const std::vector<Owner> owners, OwnersOf(view, key, before));
  return std::any_of(owners.begin(), owners.end(), IsMistakenForGone);
}

// Whether a reference changes that the collector would leave if it saw everything: one goes whose
// owner is there and leaves no orphans; or whose owner waits, while no other owner stays; or any,
// while the object is ours and being deleted, which a node that it made up for an owner does not
// tell. What cannot be followed may go: orphaning takes references away by their UIDs alone.
Result<bool> Ownership::TakesOwner(const OwnershipView& view, const std::string& key,
                                   const ObjectMetadata& before, const ObjectMetadata& after) {
  KUBASE_ASSIGN_OR_RETURN(const std::vector<Owner> owners, OwnersOf(view, key, before));
  bool fixed = before.IsBeingDeleted();
  if (fixed) {
    KUBASE_ASSIGN_OR_RETURN(fixed, IsOurs(view, key, before));
  }
  bool stays = false, waiting_goes = false;
  for (size_t i = 0; i < owners.size(); ++i) {
    const OwnerReference& reference = before.owners[i];
    const bool kept =
        std::any_of(after.owners.begin(), after.owners.end(),
                    [&](const OwnerReference& other) { return other.uid == reference.uid; });
    const bool solid = owners[i].state == OwnerState::kSolid;
    if (kept) {
      if (fixed && !Contains(after.owners, reference)) return true;
      stays = stays || solid;
      continue;
    }
    if (owners[i].leaves_orphans) continue;
    if (solid || (fixed && CanBeFollowed(owners[i].state))) return true;
    waiting_goes = waiting_goes || owners[i].state == OwnerState::kWaiting;
  }
  return waiting_goes && !stays;
}

}  // namespace kubase::store
