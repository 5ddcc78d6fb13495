// The three classes of references, and the cases in upstream's order.
#include "shim/collect/judgement.h"

#include <algorithm>
#include <utility>

namespace kubase::collect {
namespace {

bool Has(std::span<const OwnerState> owners, OwnerState state) {
  return std::find(owners.begin(), owners.end(), state) != owners.end();
}

// A reference that cannot be followed stops the whole judgement, whatever the others are.
std::optional<Judgement::Kind> Hindrance(std::span<const OwnerState> owners) {
  for (const OwnerState owner : owners) {
    if (owner == OwnerState::kUnserved) return Judgement::Kind::kUnsure;
    if (owner == OwnerState::kMisplaced) return Judgement::Kind::kWrong;
  }
  return std::nullopt;
}

Judgement Detached(const ObjectMetadata& object, std::span<const OwnerState> owners) {
  Judgement judgement{.kind = Judgement::Kind::kDetach};
  for (size_t i = 0; i < owners.size(); ++i) {
    if (owners[i] != OwnerState::kSolid) {
      judgement.edit.removed_owners.push_back(object.owners[i].uid);
    }
  }
  if (judgement.edit.removed_owners.empty()) judgement.kind = Judgement::Kind::kKeep;
  return judgement;
}

// A finalizer that is there already is the answer.
Propagation OwnPropagation(const ObjectMetadata& object) {
  if (object.HasFinalizer(kOrphanFinalizer)) return Propagation::kOrphan;
  if (object.HasFinalizer(kForegroundFinalizer)) return Propagation::kForeground;
  return Propagation::kBackground;
}

}  // namespace

Judgement JudgeDependent(const ObjectMetadata& object, std::span<const OwnerState> owners,
                         const DependentsSummary& dependents, MetadataEdit::Unblock unblock) {
  if (owners.empty()) return {};
  if (const auto hindrance = Hindrance(owners)) return {.kind = *hindrance};
  if (Has(owners, OwnerState::kSolid)) return Detached(object, owners);
  Judgement judgement{.kind = Judgement::Kind::kDelete};
  if (Has(owners, OwnerState::kWaiting) && dependents.any) {
    judgement.propagation = Propagation::kForeground;
    if (dependents.any_waiting) judgement.edit.unblock = unblock;
  } else {
    judgement.propagation = OwnPropagation(object);
  }
  return judgement;
}

}  // namespace kubase::collect
