// What the garbage collector of kube-controller-manager does with an object whose owners may have
// gone (kubernetes pkg/controller/garbagecollector/garbagecollector.go, attemptToDeleteItem).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "shim/collect/deletion.h"
#include "shim/collect/metadata_edit.h"
#include "shim/collect/object_metadata.h"

namespace kubase::collect {

// What one of an object's owner references leads to.
enum class OwnerState {
  kSolid,      // the owner is there
  kAbsent,     // no object has this name, or another one has it
  kWaiting,    // it is being deleted, and waits for its dependents (foreground)
  kUnserved,   // nobody knows its kind: it may be there
  kMisplaced,  // an object of the cluster refers to one in a namespace
};

struct Judgement {
  enum class Kind {
    kKeep,    // it has an owner, or none that was ever meant
    kUnsure,  // the kind of an owner is not served; to be looked at again when kinds change
    kWrong,   // it refers to what cannot be its owner; left alone
    kDetach,  // it has an owner, and loses the references `edit` takes away
    kDelete,
  };
  Kind kind = Kind::kKeep;
  MetadataEdit edit;  // of kDetach, and of kDelete what is changed before
  Propagation propagation = Propagation::kBackground;  // of kDelete
};

// Of the dependents of the judged object.
struct DependentsSummary {
  bool any = false;
  bool any_waiting = false;  // one waits for its own dependents: with the object it forms a cycle
};

// `owners`: one for each of object.owners. `dependents` is called when it matters. `unblock`: how a
// cycle is broken; it depends on the object's patch type.
Judgement JudgeDependent(const ObjectMetadata& object, std::span<const OwnerState> owners,
                         const DependentsSummary& dependents, MetadataEdit::Unblock unblock);

}  // namespace kubase::collect
