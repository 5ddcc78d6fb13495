// Breadth first: each owner that goes, with all its dependents.
#include "shim/store/deletion_preview.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "shim/collect/judgement.h"
#include "shim/collect/object_metadata.h"
#include "shim/store/deletion_finding.h"
#include "shim/store/deletion_preview_state.h"
#include "shim/store/indexed_kind.h"
#include "shim/store/kind.h"
#include "shim/store/kind_names.h"
#include "shim/store/owner_index.h"
#include "shim/store/ownership.h"

namespace kubase::store {
namespace {

using Finding = DeletionFinding;
using collect::Judgement;
using preview::By;
using preview::Going;
using preview::Holder;
using preview::Known;
using preview::Object;
using preview::ObjectMetadata;
using preview::Outcome;
using preview::OwnersLeft;
using preview::OwnerState;
using preview::Propagation;
using preview::Uids;

constexpr int64_t kDependentsAtOnce = 256;

template <typename T>
bool IsAmong(const std::vector<T>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

class Simulation {
 public:
  Simulation(sql::Connection& connection, const Meta& meta, const PreviewSetting& setting,
             const PreviewRequest& request)
      : connection_(connection),
        meta_(meta),
        request_(request),
        now_(std::chrono::duration_cast<std::chrono::seconds>(
                 setting.clock.WallNow().time_since_epoch())
                 .count()),
        ownership_(setting.clock, setting.storage_collects) {}

  Result<DeletionPreview> Run() {
    preview_.revision = meta_.revision;
    KUBASE_TRY(ownership_.Load(connection_, meta_));
    KUBASE_ASSIGN_OR_RETURN(const std::vector<IndexedKind> indexed, ReadKinds(connection_));
    preview_.complete = std::all_of(indexed.begin(), indexed.end(), [](const IndexedKind& kind) {
      return kind.IsDropped() || kind.indexed_since != IndexedKind::kNotYet;
    });
    KUBASE_TRY(DeleteRoot());
    while (!going_.empty()) {
      const Going owner = std::move(going_.front());
      going_.pop_front();
      KUBASE_TRY(VisitDependents(owner));
    }
    BlockOwners();
    return std::move(preview_);
  }

 private:
  Result<void> DeleteRoot();
  Result<void> VisitDependents(const Going& owner);
  // None: it holds up its owner no more.
  Result<std::optional<Holder>> Visit(const Going& owner, const std::string& key);
  // After all visits: who waits for what is blocked is blocked.
  void BlockOwners();
  // False: it was blocked before.
  bool Block(const std::string& uid);
  // Null: there is none, or it cannot be read.
  Result<std::optional<Object>> Read(const std::string& key);
  // Null: nothing becomes of it.
  Result<std::optional<Finding>> Judge(const Going& owner, const Object& object, const Uids& lost);
  Finding FindEnd(const Object& object, const Judgement& judgement, const Going& owner) const;
  OwnersLeft LookAtOwners(const Object& object, const std::vector<Owner>& owners,
                          const Uids& lost) const;
  // `known`: null, or what is known of the owner.
  static OwnerState StateOf(const Known* known, OwnerState stored);
  // Null: it has not been met, or is not met again.
  const Known* FindKnown(const std::string& uid) const;
  Result<bool> IsOurs(const Object& object, const std::vector<Owner>& owners);
  Result<collect::DependentsSummary> Summarize(const Object& object,
                                               const std::vector<OwnerState>& owners);
  void Note(const Object& object, Finding finding);
  // Null: there are as many as were asked for.
  std::optional<size_t> List(const Object& object);

  sql::Connection& connection_;
  const Meta& meta_;
  const PreviewRequest& request_;
  const int64_t now_;
  Ownership ownership_;
  const KindNames names_{ownership_.kinds()};
  const PairLookup pairs_ = [this](const std::string& key) { return ReadPair(connection_, key); };
  const OwnershipView view_{connection_, pairs_};
  std::string root_;  // its key
  std::deque<Going> going_;
  std::unordered_map<std::string, Known> known_;  // by UID
  // Of known objects: who waits for each in the foreground (UIDs).
  std::unordered_multimap<std::string, std::string> waiting_;
  DeletionPreview preview_;
};

Result<void> Simulation::DeleteRoot() {
  KUBASE_ASSIGN_OR_RETURN(const collect::NamedKind kind, names_.Find(request_.kind));
  root_ = kind.served.prefix;
  if (kind.served.namespaced) root_ += request_.name_space + "/";
  root_ += request_.name;
  KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr pair, ReadPair(connection_, root_));
  if (pair == nullptr) {
    return Error{ErrorCode::kNotFound, "there is no " + names_.NameOf(root_).Text()};
  }
  KUBASE_ASSIGN_OR_RETURN(const std::optional<Object> root, Read(root_));
  if (!root) {
    return Error{ErrorCode::kInvalidArgument,
                 names_.NameOf(root_).Text() + " cannot be read in the storage"};
  }
  Finding finding =
      FindDeletion(*root->pair, root->metadata, request_.propagation, "is to be deleted", now_);
  finding.by = By::kRequest;
  if (finding.propagation != Propagation::kBackground) {
    KUBASE_ASSIGN_OR_RETURN(const bool ours, ownership_.IsOurs(view_, root_, root->metadata));
    finding.by = ours ? By::kStorage : By::kControllerManager;
  }
  Note(*root, std::move(finding));
  return Ok();
}

Result<void> Simulation::VisitDependents(const Going& owner) {
  int64_t blocking = 0;
  std::string first;
  Dependent cursor = kBeforeDependents;
  while (true) {
    KUBASE_ASSIGN_OR_RETURN(const std::vector<Dependent> dependents,
                            ListDependents(connection_, owner.uid, cursor, kDependentsAtOnce));
    if (dependents.empty()) break;
    for (const Dependent& dependent : dependents) {
      KUBASE_ASSIGN_OR_RETURN(const std::optional<Holder> holder, Visit(owner, dependent.key));
      const bool blocks = (dependent.traits & kBlocks) != 0;
      if (!holder || !blocks || owner.propagation != Propagation::kForeground) continue;
      if (blocking++ == 0) first = names_.NameOf(dependent.key).Text();
      if (known_.contains(holder->uid)) {
        waiting_.emplace(holder->uid, owner.uid);
      } else if (holder->outcome != Outcome::kDeleted) {
        Block(owner.uid);
      }
    }
    cursor = dependents.back();
  }
  if (blocking > 0 && owner.listed) {
    preview_.effects[*owner.listed].why += fmt::format("; after {} {}, first {}", blocking,
                                                       blocking == 1 ? "object" : "objects", first);
  }
  return Ok();
}

bool Simulation::Block(const std::string& uid) {
  Known& known = known_.at(uid);
  if (known.outcome != Outcome::kDeleted) return false;
  --preview_.TotalOf(known.outcome);
  known.outcome = Outcome::kBlocked;
  ++preview_.TotalOf(known.outcome);
  if (known.listed) preview_.effects[*known.listed].outcome = known.outcome;
  return true;
}

void Simulation::BlockOwners() {
  Uids staying;
  for (const auto& [uid, known] : known_) {
    if (known.outcome == Outcome::kBlocked || known.outcome == Outcome::kLeftAlone) {
      staying.push_back(uid);
    }
  }
  while (!staying.empty()) {
    const auto [first, end] = waiting_.equal_range(staying.back());
    staying.pop_back();
    for (auto owner = first; owner != end; ++owner) {
      if (Block(owner->second)) staying.push_back(owner->second);
    }
  }
}

Result<std::optional<Holder>> Simulation::Visit(const Going& owner, const std::string& key) {
  if (key == root_) return std::optional<Holder>();  // a cycle, which the collectors break
  KUBASE_ASSIGN_OR_RETURN(const std::optional<Object> object, Read(key));
  if (!object) return std::optional<Holder>();
  const Known* const known = FindKnown(object->metadata.uid);
  std::optional<Holder> holder = Holder{object->metadata.uid};
  if (known != nullptr && Goes(known->outcome)) return holder;
  Uids lost;
  if (known != nullptr) lost = known->lost;
  if (owner.propagation == Propagation::kOrphan) lost.push_back(owner.uid);
  KUBASE_ASSIGN_OR_RETURN(std::optional<Finding> finding, Judge(owner, *object, lost));
  if (!finding) return holder;
  finding->lost.insert(finding->lost.end(), lost.begin(), lost.end());
  holder->outcome = finding->outcome;
  if (!Goes(finding->outcome) && finding->outcome != Outcome::kLeftAlone) holder.reset();
  Note(*object, std::move(*finding));
  return holder;
}

Result<std::optional<Object>> Simulation::Read(const std::string& key) {
  Object object;
  KUBASE_ASSIGN_OR_RETURN(object.pair, ReadPair(connection_, key));
  if (object.pair == nullptr) return std::optional<Object>();
  std::optional<ObjectMetadata> metadata = collect::ReadMetadata(object.pair->value);
  if (!metadata || metadata->uid.empty()) return std::optional<Object>();
  object.metadata = std::move(*metadata);
  KUBASE_ASSIGN_OR_RETURN(object.has_dependents, HasDependent(connection_, object.metadata.uid));
  return std::optional<Object>(std::move(object));
}

Result<std::optional<Finding>> Simulation::Judge(const Going& owner, const Object& object,
                                                 const Uids& lost) {
  KUBASE_ASSIGN_OR_RETURN(const std::vector<Owner> owners,
                          ownership_.OwnersOf(view_, object.pair->key, object.metadata));
  KUBASE_ASSIGN_OR_RETURN(const bool ours, IsOurs(object, owners));
  const OwnersLeft left = LookAtOwners(object, owners, lost);
  KUBASE_ASSIGN_OR_RETURN(const collect::DependentsSummary dependents,
                          Summarize(object, left.states));
  // How a cycle is broken makes no difference to what is left of it.
  Judgement judgement = collect::JudgeDependent(left.object, left.states, dependents,
                                                collect::MetadataEdit::Unblock::kNone);
  Finding finding{.by = ours ? By::kStorage : By::kControllerManager,
                  .lost = std::move(judgement.edit.removed_owners)};
  if (judgement.kind == Judgement::Kind::kDelete || object.metadata.IsBeingDeleted()) {
    const By by = finding.by;
    finding = FindEnd(object, judgement, owner);
    finding.by = by;
    if (!object.metadata.IsBeingDeleted() && !left.blocked.empty()) {
      finding.outcome = Outcome::kBlocked;
      finding.why += "; waits until " + left.blocked + " is gone";
    }
  } else if (owner.propagation == Propagation::kOrphan) {
    finding.outcome = Outcome::kOrphaned;
    finding.by = owner.by;
    finding.why = "loses owner " + owner.name;
  } else if (judgement.kind == Judgement::Kind::kDetach) {
    finding.outcome = Outcome::kDetached;
    finding.why = "has another owner: " + left.solid;
  } else if (judgement.kind == Judgement::Kind::kUnsure) {
    finding.outcome = Outcome::kLeftAlone;
    finding.why = "kind of an owner is not served, or it cannot be read: " + left.doubtful;
  } else if (judgement.kind == Judgement::Kind::kWrong) {
    finding.outcome = Outcome::kLeftAlone;
    finding.why = "belongs to the cluster and names an owner in a namespace";
  } else {
    return std::optional<Finding>();
  }
  return std::optional<Finding>(std::move(finding));
}

Finding Simulation::FindEnd(const Object& object, const Judgement& judgement,
                            const Going& owner) const {
  if (object.metadata.IsBeingDeleted()) {
    return FindEnding(object.metadata.finalizers, "is being deleted already");
  }
  return FindDeletion(*object.pair, object.metadata, judgement.propagation,
                      "owner " + owner.name + " goes", now_);
}

OwnersLeft Simulation::LookAtOwners(const Object& object, const std::vector<Owner>& owners,
                                    const Uids& lost) const {
  OwnersLeft left{.object = object.metadata};
  left.object.owners.clear();
  for (size_t i = 0; i < owners.size(); ++i) {
    const collect::OwnerReference& reference = object.metadata.owners[i];
    if (IsAmong(lost, reference.uid)) continue;
    const Known* const known = FindKnown(reference.uid);
    const OwnerState state = StateOf(known, owners[i].state);
    left.object.owners.push_back(reference);
    left.states.push_back(state);
    if (state == OwnerState::kSolid) left.solid = names_.NameOf(owners[i].key).Text();
    if (state == OwnerState::kUnserved) left.doubtful = reference.kind + " " + reference.name;
    if (known != nullptr && known->outcome == Outcome::kBlocked &&
        known->propagation == Propagation::kBackground) {
      left.blocked = names_.NameOf(owners[i].key).Text();
    }
  }
  return left;
}

const Known* Simulation::FindKnown(const std::string& uid) const {
  const auto found = known_.find(uid);
  return found == known_.end() ? nullptr : &found->second;
}

// One that orphans its dependents is there until they have lost their references.
OwnerState Simulation::StateOf(const Known* known, OwnerState stored) {
  if (stored != OwnerState::kSolid && stored != OwnerState::kWaiting) return stored;
  if (known == nullptr || !Goes(known->outcome)) return stored;
  switch (known->propagation) {
    case Propagation::kBackground:
      return OwnerState::kAbsent;
    case Propagation::kForeground:
      return OwnerState::kWaiting;
    case Propagation::kOrphan:
      return OwnerState::kSolid;
  }
  return stored;
}

Result<bool> Simulation::IsOurs(const Object& object, const std::vector<Owner>& owners) {
  if (!ownership_.collects()) return false;
  const bool labelled =
      object.metadata.skips_caching ||
      std::any_of(owners.begin(), owners.end(), [](const Owner& o) { return o.skips_caching; });
  if (labelled) return true;
  return ownership_.IsOurs(view_, object.pair->key, object.metadata);
}

Result<collect::DependentsSummary> Simulation::Summarize(const Object& object,
                                                         const std::vector<OwnerState>& owners) {
  collect::DependentsSummary dependents{.any = object.has_dependents};
  if (dependents.any && IsAmong(owners, OwnerState::kWaiting)) {
    KUBASE_ASSIGN_OR_RETURN(dependents.any_waiting,
                            HasDependent(connection_, object.metadata.uid, kWaitsForOwn));
  }
  return dependents;
}

// What was found before changes only when the object goes after all.
void Simulation::Note(const Object& object, Finding finding) {
  const std::string& uid = object.metadata.uid;
  const bool goes = Goes(finding.outcome);
  const auto known = known_.find(uid);
  Known now{finding.outcome, finding.propagation, std::move(finding.lost), std::nullopt};
  if (known == known_.end()) {
    now.listed = List(object);
  } else if (goes) {
    --preview_.TotalOf(known->second.outcome);
    now.listed = known->second.listed;
  } else {
    known->second.lost = std::move(now.lost);
    return;
  }
  ++preview_.TotalOf(now.outcome);
  if (goes && object.has_dependents) {
    going_.push_back(
        {uid, names_.NameOf(object.pair->key).Text(), now.propagation, finding.by, now.listed});
  }
  if (now.listed) {
    DeletionEffect& effect = preview_.effects[*now.listed];
    effect.outcome = now.outcome;
    effect.by = finding.by;
    effect.why = std::move(finding.why);
  }
  // An object with one owner and no dependents is not met again.
  if (object.has_dependents || object.metadata.owners.size() > 1) {
    known_.insert_or_assign(uid, std::move(now));
  }
}

std::optional<size_t> Simulation::List(const Object& object) {
  if (static_cast<int64_t>(preview_.effects.size()) >= request_.limit) return std::nullopt;
  preview_.effects.push_back({.object = names_.NameOf(object.pair->key)});
  return preview_.effects.size() - 1;
}

}  // namespace

Result<DeletionPreview> SimulateDeletion(sql::Connection& connection, const Meta& meta,
                                         const PreviewSetting& setting,
                                         const PreviewRequest& request) {
  return Simulation(connection, meta, setting, request).Run();
}

}  // namespace kubase::store
