// CollectionQueue: what the collector of garbage owes, in the database, so that it survives.
//
// A piece of work is added in the transaction of the change that makes it due, and goes in that of
// its last step.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/owner_index.h"

namespace kubase::store {

struct Collection {
  // Stored as numbers.
  enum class Action : int64_t {
    kJudge = 1,       // the object, by its owners
    kAbsent = 2,      // its dependents, by their owners: the object has gone
    kForeground = 3,  // as kAbsent, and the object when none of them blocks it any more
    kOrphan = 4,      // its dependents lose their reference, then the object its finalizer
    kReleased = 5,    // nothing; the object had the label once, and dependents
    kWake = 6,        // makes all due that wait for kServedKinds; the cursor's traits are an id
  };
  enum class Waits : int64_t {
    kNot = 0,          // due
    kDependents = 1,   // for one that blocks to go
    kServedKinds = 2,  // for the kind of an owner
    kForever = 3,
  };
  int64_t id = 0;
  Action action = Action::kJudge;
  std::string uid;
  std::string key;
  // Dependents without the label as well: the object has it, or had it.
  bool whole = false;
  Waits waits = Waits::kNot;
  int64_t since = 0;                     // milliseconds since 1970
  Dependent cursor = kBeforeDependents;  // the last dependent that was done
};

// The writer's thread only. All but Load are inside a write transaction; when that is not
// committed, Load has to follow. Errors of all: those of the database.
class CollectionQueue {
 public:
  Result<void> Load(sql::Connection& connection);

  // Sets the id. When the same is owed already, there is one piece that does what both would: if it
  // waits it waits no more, and what it has to do to more than before it begins anew.
  Result<void> Add(sql::Connection& connection, Collection collection);
  Result<std::optional<Collection>> Find(sql::Connection& connection, Collection::Action action,
                                         const std::string& uid);
  // The first due one with an id from `id` on.
  Result<std::optional<Collection>> NextDue(sql::Connection& connection, int64_t id);
  // Stores what has changed of `before`.
  Result<void> Update(sql::Connection& connection, const Collection& before,
                      const Collection& after);
  Result<void> Remove(sql::Connection& connection, const Collection& collection);
  // Makes those due that wait for this, `count` of them, behind the id `after`. The id of the last;
  // null: there are no more.
  Result<std::optional<int64_t>> Wake(sql::Connection& connection, Collection::Waits waits,
                                      int64_t after, int64_t count);

  // As AttributeIndex.
  bool HasUncommitted() const { return has_uncommitted_; }
  void Committed() { has_uncommitted_ = false; }

  bool empty() const { return counts_ == Counts{}; }
  int64_t count(Collection::Waits waits) const { return counts_[static_cast<size_t>(waits)]; }

 private:
  using Counts = std::array<int64_t, 4>;

  Result<void> Merge(sql::Connection& connection, const Collection& again);
  // To be changed.
  int64_t& CountOf(Collection::Waits waits) {
    has_uncommitted_ = true;
    return counts_[static_cast<size_t>(waits)];
  }

  Counts counts_{};
  int64_t last_id_ = 0;
  bool has_uncommitted_ = false;
};

}  // namespace kubase::store
