// Pieces of owed work, in turn.
#include "shim/store/collector.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "shim/base/limits.h"
#include "shim/collect/deletion.h"
#include "shim/store/kind.h"
#include "shim/store/owner_index.h"

namespace kubase::store {
namespace {

using Action = Collection::Action;
using Waits = Collection::Waits;
using Reason = CollectorMetrics::Reason;
using collect::Judgement;
using collect::ObjectMetadata;
using collect::OwnerState;

// After the last dependent there can be.
const Dependent kAfterDependents{kDependentTraits, ""};
// A walk that looks for those that the one before may have missed has its cursors so much lower.
constexpr int64_t kSecondWalk = 2 * kDependentTraits;

bool IsOfSecondWalk(const Dependent& cursor) {
  return cursor.traits < kBeforeDependents.traits;
}

Dependent InSecondWalk(Dependent place) {
  place.traits -= kSecondWalk;
  return place;
}

Dependent PlaceOf(Dependent cursor) {
  if (IsOfSecondWalk(cursor)) cursor.traits += kSecondWalk;
  return cursor;
}

// kube-controller-manager changes custom resources by JSON merge patches, all else by strategic
// ones, which leave alone what does not block (patch.go).
collect::MetadataEdit::Unblock UnblockOf(const std::string& key) {
  const std::string kind = KindOfKey(key).name;
  const bool custom = kind.find('.') != std::string::npos &&
                      !kind.ends_with(".apiextensions.k8s.io") &&
                      !kind.ends_with(".apiregistration.k8s.io");
  return custom ? collect::MetadataEdit::Unblock::kAll : collect::MetadataEdit::Unblock::kBlocking;
}

}  // namespace

Result<void> Collector::Step(WriteBatch& batch, int64_t objects) {
  done_ = {};  // a conflict may have undone an attempt
  bytes_read_ = 0;
  KUBASE_ASSIGN_OR_RETURN(const auto oldest, NextDue(batch, 0));
  if (!oldest) return Ok();
  oldest_since_ = oldest->since;
  KUBASE_ASSIGN_OR_RETURN(auto owed, NextDue(batch, next_id_));
  if (!owed) owed = oldest;
  while (owed) {
    next_id_ = owed->id + 1;
    KUBASE_ASSIGN_OR_RETURN(const int64_t looked_at, Run(batch, *owed, objects));
    objects -= looked_at;
    if (objects <= 0 || bytes_read_ >= limits::kCollectionStepBytesMax) return Ok();
    KUBASE_ASSIGN_OR_RETURN(owed, NextDue(batch, next_id_));
  }
  return Ok();
}

Result<std::optional<Collection>> Collector::NextDue(WriteBatch& batch, int64_t id) {
  KUBASE_ASSIGN_OR_RETURN(const OwnershipView view, batch.Owners());
  return ownership_.queue().NextDue(view.connection, id);
}

void Collector::End(bool committed) {
  if (committed) metrics_.OnDone(done_);
  done_ = {};
  ReportQueue();
}

Result<void> Collector::OnLoaded(sql::Connection& connection) {
  KUBASE_ASSIGN_OR_RETURN(const auto oldest, ownership_.queue().NextDue(connection, 0));
  oldest_since_ = oldest ? oldest->since : 0;
  ReportQueue();
  return Ok();
}

void Collector::ReportQueue() {
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.WallNow().time_since_epoch())
          .count();
  if (!HasWork()) {
    oldest_since_ = 0;
  } else if (oldest_since_ == 0) {
    oldest_since_ = now;
  }
  const CollectionQueue& queue = ownership_.queue();
  const std::chrono::milliseconds age(HasWork() ? now - oldest_since_ : 0);
  metrics_.OnQueue(queue.count(Waits::kNot),
                   queue.count(Waits::kDependents) + queue.count(Waits::kServedKinds),
                   std::chrono::duration<double>(age).count());
}

Result<int64_t> Collector::Run(WriteBatch& batch, const Collection& owed, int64_t objects) {
  switch (owed.action) {
    case Action::kJudge:
      return RunJudge(batch, owed);
    case Action::kWake:
      return RunWake(batch, owed, objects);
    default:
      return RunOnDependents(batch, owed, objects);
  }
}

Result<int64_t> Collector::RunJudge(WriteBatch& batch, const Collection& owed) {
  KUBASE_ASSIGN_OR_RETURN(const Waits waits, Judge(batch, owed.key, owed));
  KUBASE_ASSIGN_OR_RETURN(const OwnershipView view, batch.Owners());
  if (waits == Waits::kNot) {
    KUBASE_TRY(ownership_.queue().Remove(view.connection, owed));
  } else {
    Collection waiting = owed;
    waiting.waits = waits;
    KUBASE_TRY(ownership_.queue().Update(view.connection, owed, waiting));
  }
  return int64_t{1};
}

Result<int64_t> Collector::RunWake(WriteBatch& batch, const Collection& owed, int64_t objects) {
  KUBASE_ASSIGN_OR_RETURN(const OwnershipView view, batch.Owners());
  CollectionQueue& queue = ownership_.queue();
  KUBASE_ASSIGN_OR_RETURN(const auto reached, queue.Wake(view.connection, Waits::kServedKinds,
                                                         owed.cursor.traits, objects));
  if (reached) {
    Collection further = owed;
    further.cursor.traits = *reached;
    KUBASE_TRY(queue.Update(view.connection, owed, further));
  } else {
    KUBASE_TRY(queue.Remove(view.connection, owed));
  }
  return objects;
}

Result<int64_t> Collector::RunOnDependents(WriteBatch& batch, const Collection& owed,
                                           int64_t objects) {
  KUBASE_ASSIGN_OR_RETURN(const OwnershipView view, batch.Owners());
  KUBASE_ASSIGN_OR_RETURN(const std::vector<Dependent> dependents,
                          ListDependents(view.connection, owed.uid, PlaceOf(owed.cursor), objects));
  const int64_t orphaned_before = done_.orphaned;
  KUBASE_ASSIGN_OR_RETURN(const size_t count, RunOn(batch, owed, dependents));
  const bool ended =
      count == dependents.size() && static_cast<int64_t>(dependents.size()) < objects;
  Dependent reached = ended ? kAfterDependents : dependents[count - 1];
  if (owed.action == Action::kOrphan) {
    KUBASE_ASSIGN_OR_RETURN(
        reached, CursorOfOrphans(batch, owed, reached, done_.orphaned > orphaned_before));
  }
  KUBASE_TRY(Advance(batch, owed, reached));
  return std::max<int64_t>(static_cast<int64_t>(count), 1);
}

Result<size_t> Collector::RunOn(WriteBatch& batch, const Collection& owed,
                                std::span<const Dependent> dependents) {
  size_t count = 0;
  while (count < dependents.size() && bytes_read_ < limits::kCollectionStepBytesMax) {
    const auto together = dependents.subspan(
        count, std::min(limits::kCollectionReadsTogether, dependents.size() - count));
    std::vector<std::string_view> keys;
    for (const Dependent& dependent : together) keys.push_back(dependent.key);
    KUBASE_TRY(batch.Prefetch(keys));
    for (const Dependent& dependent : together) {
      if (owed.action == Action::kOrphan) {
        KUBASE_TRY(Orphan(batch, dependent.key, owed.uid));
      } else {
        KUBASE_TRY(Judge(batch, dependent.key, owed));
      }
    }
    count += together.size();
  }
  return count;
}

Result<void> Collector::Advance(WriteBatch& batch, const Collection& owed,
                                const Dependent& reached) {
  Collection further = owed;
  further.cursor = reached;
  KUBASE_ASSIGN_OR_RETURN(const OwnershipView view, batch.Owners());
  KUBASE_TRY(ownership_.queue().Update(view.connection, owed, further));
  if (reached.traits != kDependentTraits) return Ok();
  switch (owed.action) {
    case Action::kForeground:
      return FinishForeground(batch, further);
    case Action::kOrphan:
      return FinishOrphan(batch, further);
    default:
      return ownership_.queue().Remove(view.connection, further);
  }
}

// Between two steps a dependent can come to stand behind the cursor: it is new, or its traits
// changed. It has to lose its reference before the owner goes, or it would be deleted. An orphan
// leaves the index, so who is left at the end was missed or cannot be changed. From then on the
// walk begins again after each step that orphans some, until one orphans none from its beginning to
// its end.
Result<Dependent> Collector::CursorOfOrphans(WriteBatch& batch, const Collection& owed,
                                             const Dependent& reached, bool orphaned) {
  const bool ended = reached.traits == kDependentTraits;
  if (IsOfSecondWalk(owed.cursor)) {
    if (orphaned) return InSecondWalk(kBeforeDependents);
    return ended ? kAfterDependents : InSecondWalk(reached);
  }
  if (!ended) return reached;
  KUBASE_ASSIGN_OR_RETURN(const OwnershipView view, batch.Owners());
  KUBASE_ASSIGN_OR_RETURN(const bool left, HasDependent(view.connection, owed.uid));
  return left ? InSecondWalk(kBeforeDependents) : kAfterDependents;
}

Result<std::optional<Collector::Found>> Collector::FindEnding(WriteBatch& batch,
                                                              const Collection& owed,
                                                              std::string_view finalizer) {
  KUBASE_ASSIGN_OR_RETURN(KeyValuePtr pair, batch.Get(owed.key));
  if (pair == nullptr) return std::optional<Found>();
  std::optional<ObjectMetadata> object = collect::ReadMetadata(pair->value);
  if (!object || object->uid != owed.uid || !object->IsBeingDeleted() ||
      !object->HasFinalizer(finalizer)) {
    return std::optional<Found>();
  }
  return std::optional<Found>(Found{std::move(pair), std::move(*object)});
}

// Who still names the owner, and cannot be changed, is an ordinary dependent of an absent one.
Result<void> Collector::FinishOrphan(WriteBatch& batch, const Collection& owed) {
  KUBASE_ASSIGN_OR_RETURN(const auto owner, FindEnding(batch, owed, collect::kOrphanFinalizer));
  if (owner) RemoveFinalizer(batch, *owner, collect::kOrphanFinalizer);
  KUBASE_ASSIGN_OR_RETURN(const OwnershipView view, batch.Owners());
  KUBASE_TRY(ownership_.queue().Remove(view.connection, owed));
  KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr left, batch.Get(owed.key));
  if (left != nullptr) return Ok();
  return ownership_.OweAbsent(view.connection, owed.key, owed.uid, owed.whole);
}

Result<void> Collector::FinishForeground(WriteBatch& batch, const Collection& owed) {
  KUBASE_ASSIGN_OR_RETURN(const auto owner, FindEnding(batch, owed, collect::kForegroundFinalizer));
  KUBASE_ASSIGN_OR_RETURN(const OwnershipView view, batch.Owners());
  if (owner) {
    KUBASE_ASSIGN_OR_RETURN(const bool blocked, HasDependent(view.connection, owed.uid, kBlocks));
    if (blocked) {
      Collection waiting = owed;
      waiting.waits = Waits::kDependents;
      return ownership_.queue().Update(view.connection, owed, waiting);
    }
  }
  KUBASE_TRY(ownership_.queue().Remove(view.connection, owed));
  if (owner) RemoveFinalizer(batch, *owner, collect::kForegroundFinalizer);
  return Ok();
}

Result<KeyValuePtr> Collector::Read(WriteBatch& batch, const std::string& key) {
  KUBASE_ASSIGN_OR_RETURN(KeyValuePtr pair, batch.Get(key));
  if (pair != nullptr) bytes_read_ += pair->value.size();
  return pair;
}

Result<Waits> Collector::Judge(WriteBatch& batch, const std::string& key, const Collection& owed) {
  KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr pair, Read(batch, key));
  if (pair == nullptr) return Waits::kNot;
  const std::optional<ObjectMetadata> object = collect::ReadMetadata(pair->value);
  if (!object) {
    skipped_.Note(key, Reason::kUnreadable, "it cannot be read");
    return Waits::kNot;
  }
  if (owed.action == Action::kJudge && object->uid != owed.uid) return Waits::kNot;
  if (object->IsBeingDeleted()) return Waits::kNot;  // it goes, or is waited for, by itself
  KUBASE_ASSIGN_OR_RETURN(const Judgement judgement, JudgementOn(batch, key, *object, owed));
  switch (judgement.kind) {
    case Judgement::Kind::kKeep:
      break;
    case Judgement::Kind::kWrong:
      skipped_.Note(key, Reason::kMisplacedOwner,
                    "it belongs to the cluster and names an owner in a namespace");
      break;
    case Judgement::Kind::kUnsure:
      skipped_.Note(key, Reason::kUnservedOwner,
                    "the kind of an owner is not served, or it cannot be read");
      if (owed.action == Action::kJudge) return Waits::kServedKinds;
      KUBASE_TRY(ownership_.OweWhenServed(batch.Pairs().connection, key, object->uid, owed.whole));
      break;
    case Judgement::Kind::kDetach:
      if (Edit(batch, pair, judgement.edit)) ++done_.detached;
      break;
    case Judgement::Kind::kDelete:
      Delete(batch, pair, *object, judgement);
      break;
  }
  return Waits::kNot;
}

Result<Judgement> Collector::JudgementOn(WriteBatch& batch, const std::string& key,
                                         const ObjectMetadata& object, const Collection& owed) {
  KUBASE_ASSIGN_OR_RETURN(const std::vector<Owner> owners,
                          ownership_.OwnersOf(batch.Pairs(), key, object));
  std::vector<OwnerState> states;
  bool ours = owed.whole || object.skips_caching;
  for (const Owner& owner : owners) {
    states.push_back(owner.state);
    ours = ours || owner.skips_caching;
  }
  const bool waits = std::find(states.begin(), states.end(), OwnerState::kWaiting) != states.end();
  collect::DependentsSummary dependents;
  if (!ours || waits) {
    KUBASE_ASSIGN_OR_RETURN(const OwnershipView now, batch.Owners());
    if (!ours) {
      KUBASE_ASSIGN_OR_RETURN(ours, ownership_.IsOurs(now, key, object));
    }
    KUBASE_ASSIGN_OR_RETURN(dependents.any, HasDependent(now.connection, object.uid));
    KUBASE_ASSIGN_OR_RETURN(dependents.any_waiting,
                            HasDependent(now.connection, object.uid, kWaitsForOwn));
  }
  if (!ours) return Judgement();
  return collect::JudgeDependent(object, states, dependents, UnblockOf(key));
}

Result<void> Collector::Orphan(WriteBatch& batch, const std::string& key,
                               const std::string& owner) {
  KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr pair, Read(batch, key));
  if (pair != nullptr && Edit(batch, pair, {.removed_owners = {owner}})) ++done_.orphaned;
  return Ok();
}

void Collector::Delete(WriteBatch& batch, const KeyValuePtr& pair, const ObjectMetadata& object,
                       const Judgement& judgement) {
  const std::string prefix = KindOfKey(pair->key).range.key;
  const std::optional<int64_t> grace = collect::GraceSecondsOf(prefix, pair->value);
  if (!grace) return skipped_.Note(pair->key, Reason::kUnreadable, "it cannot be read");
  const int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(clock_.WallNow().time_since_epoch()).count();
  std::optional<collect::MetadataEdit> edit =
      collect::EditForDeletion(object, judgement.propagation, *grace, now);
  if (prefix == kNamespacesPrefix && !edit) {
    edit = collect::MetadataEdit{.deletion = collect::MetadataEdit::Deletion{now, 0}};
  }
  bool done = true;
  if (edit) {
    edit->unblock = judgement.edit.unblock;
    done = Edit(batch, pair, *edit);
  } else {
    batch.Delete(pair);
    batch.EndTransaction();
  }
  if (done) ++done_.deleted[static_cast<size_t>(judgement.propagation)];
}

void Collector::RemoveFinalizer(WriteBatch& batch, const Found& found, std::string_view finalizer) {
  const std::optional<collect::MetadataEdit> edit =
      collect::EditForFinalized(found.object, finalizer);
  if (!edit) {
    batch.Delete(found.pair);
    batch.EndTransaction();
  } else if (!Edit(batch, found.pair, *edit)) {
    return;
  }
  ++done_.finished;
}

bool Collector::Edit(WriteBatch& batch, const KeyValuePtr& pair,
                     const collect::MetadataEdit& edit) {
  std::optional<std::string> value = collect::EditMetadata(pair->value, edit);
  if (value && edit.deletion && pair->key.starts_with(kNamespacesPrefix)) {
    value = collect::WithTerminatingPhase(*value);
  }
  if (!value) {
    skipped_.Note(pair->key, Reason::kUnreadable, "it cannot be changed");
    return false;
  }
  if (*value == pair->value) return false;  // the index of owners was wrong about it
  batch.Put(pair, pair->key, std::move(*value), pair->lease);
  batch.EndTransaction();
  return true;
}

}  // namespace kubase::store
