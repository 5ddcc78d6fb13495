// Ownership: follows who owns whom through every change, and notes the work that the collector of
// garbage owes for it.
//
// The storage collects an object itself when the object has the label kSkipLabel, when one of its
// owners has it, or when one of its dependents has it: these are "ours". kube-controller-manager
// sees all that the others have to do with, and collects them. An object that has had the label,
// and had dependents when it lost it, counts as if it still had it, since
// kube-controller-manager does not connect it with these any more.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/result.h"
#include "shim/collect/judgement.h"
#include "shim/collect/object_metadata.h"
#include "shim/collect/served_kinds.h"
#include "shim/sql/database.h"
#include "shim/store/collection_queue.h"
#include "shim/store/key_change.h"
#include "shim/store/owner_index.h"
#include "shim/store/pairs.h"
#include "shim/store/skipped_objects.h"
#include "shim/store/types.h"

namespace kubase::store {

// The pair of a key as the transaction sees it; null: there is none.
using PairLookup = std::function<Result<KeyValuePtr>(const std::string& key)>;

// What an owner reference of an object leads to.
struct Owner {
  collect::OwnerState state = collect::OwnerState::kAbsent;
  bool skips_caching = false;  // has, or had, the label
  bool being_deleted = false;
  bool leaves_orphans = false;  // it is being deleted, and its dependents lose their reference
  std::string key;              // of what has the owner's name; "" when its kind is not served
};

// A transaction, as the collector sees it.
struct OwnershipView {
  sql::Connection& connection;
  const PairLookup& pairs;
};

// The writer's thread only. All but Load are inside a write transaction; when that is not
// committed, Load has to follow. Errors of all: those of the database.
class Ownership {
 public:
  // `clock` must outlive it. `collects`: false where the storage leaves all garbage to
  // kube-controller-manager; then nothing is ours, nothing is owed, and only the index is kept.
  Ownership(const Clock& clock, bool collects) : clock_(clock), collects_(collects) {}

  Result<void> Load(sql::Connection& connection, const Meta& meta);

  // In the order of the changes. `complete`: the index of owners has every object; without that
  // any object may have dependents. What cannot be read has no owners, and is noted.
  Result<void> Observe(const OwnershipView& view, std::span<const KeyChange> changes, bool complete,
                       SkippedObjects& skipped);
  // An object from before there was an index of owners.
  Result<void> Admit(sql::Connection& connection, const KeyValue& object);

  // The collector of kube-controller-manager wants to write an object (null: to delete it). True:
  // it must not, as the object is ours; or as an owner is there that it takes for gone, because an
  // object that gets the label looks deleted to it. What it may have meant is owed then. Taking
  // references away is right where their owners have gone and the object, if ours, is to stay: for
  // that it asks for each of them.
  Result<bool> TakeOver(const OwnershipView& view, const KeyValue& object,
                        const std::string* new_value);
  // The dependents of what has gone, if there are any.
  Result<void> OweAbsent(sql::Connection& connection, const std::string& key,
                         const std::string& uid, bool whole);
  // The judgement of an object, when kinds have changed.
  Result<void> OweWhenServed(sql::Connection& connection, const std::string& key,
                             const std::string& uid, bool whole) {
    return Owe(connection, Collection::Action::kJudge, key, uid, whole,
               Collection::Waits::kServedKinds);
  }

  // In the order of the references. What has gone, and has dependents to be looked at, is absent
  // even if its kind is not served any more.
  Result<std::vector<Owner>> OwnersOf(const OwnershipView& view, const std::string& key,
                                      const collect::ObjectMetadata& object);
  Result<bool> HasLabel(sql::Connection& connection, const collect::ObjectMetadata& object);
  Result<bool> IsOurs(const OwnershipView& view, const std::string& key,
                      const collect::ObjectMetadata& object);

  // A change with what could be read of it; null: nothing, or no object of Kubernetes.
  struct Observed {
    const KeyChange& change;
    std::optional<collect::ObjectMetadata> before = std::nullopt;
    std::optional<collect::ObjectMetadata> after = std::nullopt;
    // Whether it is the object that it was.
    bool IsSame() const { return before && after && before->uid == after->uid; }
  };

  // As AttributeIndex.
  bool HasUncommitted() const { return has_uncommitted_ || queue_.HasUncommitted(); }
  void Committed() {
    has_uncommitted_ = false;
    queue_.Committed();
  }

  bool collects() const { return collects_; }
  const collect::ServedKinds& kinds() const { return kinds_; }
  CollectionQueue& queue() { return queue_; }

 private:
  Result<void> ObserveOne(const OwnershipView& view, const Observed& observed, bool complete);
  Result<void> WriteOwnerRows(sql::Connection& connection, const std::string& key,
                              const std::vector<OwnerRow>& gone,
                              const std::vector<OwnerRow>& added);
  Result<int64_t> HighestTraitsOf(sql::Connection& connection, const std::string& uid);
  Result<void> Define(sql::Connection& connection, const KeyChange& change);
  Result<void> OnGone(const OwnershipView& view, const std::string& key,
                      const collect::ObjectMetadata& object, bool complete);
  Result<void> OnThere(const OwnershipView& view, const std::string& key,
                       const collect::ObjectMetadata* before, const collect::ObjectMetadata& after);
  Result<void> OnLabelChanged(sql::Connection& connection, const std::string& key,
                              const collect::ObjectMetadata& after);
  // `had_label`: it has just lost it.
  Result<void> OnOwners(const OwnershipView& view, const std::string& key,
                        const collect::ObjectMetadata& after, bool had_label);
  Result<void> WakeOwners(sql::Connection& connection, const collect::ObjectMetadata& before,
                          const collect::ObjectMetadata* after);
  Result<void> WakeForeground(sql::Connection& connection, const std::string& owner);
  Result<bool> HasGone(sql::Connection& connection, const std::string& dependent,
                       const collect::OwnerReference& reference);
  Result<Owner> FollowReference(const OwnershipView& view, const std::string& dependent,
                                const collect::OwnerReference& reference);
  Result<void> Forget(sql::Connection& connection, Collection::Action action,
                      const std::string& uid);
  Result<bool> IsTaken(const OwnershipView& view, const std::string& key,
                       const collect::ObjectMetadata& before,
                       const std::optional<collect::ObjectMetadata>& after);
  Result<bool> TakesOwner(const OwnershipView& view, const std::string& key,
                          const collect::ObjectMetadata& before,
                          const collect::ObjectMetadata& after);
  // What the state of an object makes due.
  Result<void> OweEnding(sql::Connection& connection, const std::string& key,
                         const collect::ObjectMetadata& object, bool has_label);
  Result<void> Owe(sql::Connection& connection, Collection::Action action, const std::string& key,
                   const std::string& uid, bool whole,
                   Collection::Waits waits = Collection::Waits::kNot);

  const Clock& clock_;
  const bool collects_;
  collect::ServedKinds kinds_;
  CollectionQueue queue_;
  bool has_uncommitted_ = false;
  HighestTraits highest_traits_;  // of the owners that go with what is observed just now
};

}  // namespace kubase::store
