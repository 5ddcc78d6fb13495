// What the deletion of an object would do, told before it happens.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "shim/collect/deletion.h"

namespace kubase::store {

// An object as people name it.
struct NamedObject {
  std::string group;       // "" of the core
  std::string kind;        // where it is not known, the resource
  std::string name_space;  // "" of the cluster
  std::string name;

  // "Shirt default/blue", "Node n1"
  std::string Text() const {
    return kind + " " + name_space + (name_space.empty() ? "" : "/") + name;
  }
};

struct PreviewRequest {
  std::string kind;        // as collect::ServedKinds::FindByName takes it
  std::string name_space;  // ignored for kinds of the cluster
  std::string name;
  collect::Propagation propagation = collect::Propagation::kBackground;
  int64_t limit = 0;  // of the effects that are listed; they are all counted
};

// What becomes of one object.
struct DeletionEffect {
  enum class Outcome {
    kDeleted,
    kBlocked,    // goes when others have removed their finalizers, or freed what it waits for
    kOrphaned,   // stays, without the reference to its owner
    kDetached,   // stays with another owner, without the references to those that go
    kLeftAlone,  // stays as it is
  };
  // Who does it.
  enum class By { kRequest, kStorage, kControllerManager };

  Outcome outcome = Outcome::kDeleted;
  NamedObject object;
  By by = By::kStorage;
  std::string why;  // a clause
};

struct DeletionPreview {
  int64_t revision = 0;                 // of the snapshot
  std::vector<DeletionEffect> effects;  // in the order in which the deletion reaches the objects
  std::array<int64_t, 5> totals{};      // by outcome
  bool complete = true;  // false: the index of owners is still being filled; there may be more

  int64_t& TotalOf(DeletionEffect::Outcome outcome) { return totals[static_cast<size_t>(outcome)]; }
  int64_t TotalOf(DeletionEffect::Outcome outcome) const {
    return totals[static_cast<size_t>(outcome)];
  }
};

}  // namespace kubase::store
