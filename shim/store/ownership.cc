// From changes to rows of owners and pieces of work.
#include "shim/store/ownership.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "shim/select/object_reader.h"
#include "shim/store/difference.h"
#include "shim/store/kind.h"
#include "shim/store/owner_index.h"

namespace kubase::store {
namespace {

using Action = Collection::Action;
using Waits = Collection::Waits;
using collect::ObjectMetadata;
using collect::OwnerState;

bool Mentions(const KeyValuePtr& pair, std::string_view text) {
  return pair != nullptr && pair->value.find(text) != std::string::npos;
}

// Whether an object may have owners, or its end in sight. JSON has the names as they are, since
// kube-apiserver writes no escapes for them; protobuf has none.
bool MayMatter(const KeyValuePtr& pair) {
  if (pair == nullptr) return false;
  return select::EncodingOf(pair->value) != select::Encoding::kJson ||
         Mentions(pair, "\"ownerReferences\"") || Mentions(pair, "\"deletionTimestamp\"");
}

bool MayMatter(const KeyChange& change) {
  if (change.after == nullptr) return true;
  // Also where an annotation has the text: kubectl keeps what was last applied in one.
  const bool label_may_change =
      change.before != nullptr &&
      (Mentions(change.before, collect::kSkipLabel) || Mentions(change.after, collect::kSkipLabel));
  return label_may_change || MayMatter(change.before) || MayMatter(change.after);
}

// Null: there is none, or it cannot be read.
std::optional<ObjectMetadata> Read(const KeyValuePtr& pair) {
  return pair == nullptr ? std::nullopt : collect::ReadMetadata(pair->value);
}

// Notes what cannot be read; null: nobody wants to know.
Ownership::Observed ReadBoth(const KeyChange& change, SkippedObjects* skipped) {
  Ownership::Observed read{change, Read(change.before), Read(change.after)};
  if (change.after != nullptr && !read.after && skipped != nullptr) {
    skipped->Note(change.key, CollectorMetrics::Reason::kUnreadable, "it cannot be read");
  }
  for (std::optional<ObjectMetadata>* const object : {&read.before, &read.after}) {
    if (*object && (*object)->uid.empty()) object->reset();  // no object of Kubernetes
  }
  return read;
}

std::vector<OwnerRow> RowsOf(const std::optional<ObjectMetadata>& object) {
  return object ? OwnerRowsOf(*object) : std::vector<OwnerRow>();
}

// With a finalizer of the collector, and not so before (graph_builder.go,
// deletionStartsWithFinalizer).
bool DeletionStarts(const ObjectMetadata* before, const ObjectMetadata& after,
                    std::string_view finalizer) {
  if (!after.IsBeingDeleted() || !after.HasFinalizer(finalizer)) return false;
  return before == nullptr || !before->IsBeingDeleted() || !before->HasFinalizer(finalizer);
}

// What the deletion of an object with a finalizer owes.
constexpr std::pair<std::string_view, Action> kEndings[] = {
    {collect::kOrphanFinalizer, Action::kOrphan},
    {collect::kForegroundFinalizer, Action::kForeground}};

// Whether a reference to its UID means what has gone, and whose kind went with it. As far as can be
// told without the definition of the kind, which alone says how it is called.
bool LeadsTo(const Collection& gone, const collect::ServedKinds& kinds,
             const std::string& dependent, const collect::OwnerReference& reference) {
  const KeyParts parts = PartsOfKey(gone.key);
  if (kinds.FindByPrefix(parts.kind.range.key)) return false;
  if (!parts.name_space.empty() && parts.name_space != PartsOfKey(dependent).name_space) {
    return false;
  }
  const std::string group = reference.api_version.substr(0, reference.api_version.find('/'));
  return parts.kind.name.ends_with("." + group) && parts.name == reference.name;
}

}  // namespace

Result<void> Ownership::Load(sql::Connection& connection, const Meta& meta) {
  kinds_.Clear();
  has_uncommitted_ = false;
  KUBASE_TRY(queue_.Load(connection));
  return ScanRange(connection, meta, KindOfKey(kDefinitionsPrefix).range, meta.revision, -1, false,
                   [&](const KeyValuePtr& definition) {
                     kinds_.Define(definition->key, collect::ReadDefinedKind(definition->value));
                     return true;
                   });
}

Result<void> Ownership::Observe(const OwnershipView& view, std::span<const KeyChange> changes,
                                bool complete, SkippedObjects& skipped) {
  std::vector<Observed> observed;
  std::vector<std::string> gone;
  for (const KeyChange& change : changes) {
    if (!MayMatter(change) || !IsCollected(change.key)) {
      if (change.key.starts_with(kDefinitionsPrefix)) observed.push_back({.change = change});
      continue;
    }
    observed.push_back(ReadBoth(change, collects_ ? &skipped : nullptr));
    const Observed& read = observed.back();
    if (read.before && !read.IsSame()) gone.push_back(read.before->uid);
  }
  KUBASE_ASSIGN_OR_RETURN(highest_traits_, ReadHighestTraits(view.connection, gone));
  for (const Observed& one : observed) {
    KUBASE_TRY(ObserveOne(view, one, complete));
    if (one.change.key.starts_with(kDefinitionsPrefix)) {
      KUBASE_TRY(Define(view.connection, one.change));
    }
  }
  return Ok();
}

Result<void> Ownership::ObserveOne(const OwnershipView& view, const Observed& observed,
                                   bool complete) {
  const auto& [change, before, after] = observed;
  const std::vector<OwnerRow> rows_before = RowsOf(before), rows_after = RowsOf(after);
  KUBASE_TRY(WriteOwnerRows(view.connection, change.key, Difference(rows_before, rows_after),
                            Difference(rows_after, rows_before)));
  const bool same = observed.IsSame();
  if (before && !same) KUBASE_TRY(OnGone(view, change.key, *before, complete));
  if (before) KUBASE_TRY(WakeOwners(view.connection, *before, same ? &*after : nullptr));
  if (after) KUBASE_TRY(OnThere(view, change.key, same ? &*before : nullptr, *after));
  return Ok();
}

Result<void> Ownership::WriteOwnerRows(sql::Connection& connection, const std::string& key,
                                       const std::vector<OwnerRow>& gone,
                                       const std::vector<OwnerRow>& added) {
  KUBASE_TRY(DeleteOwnerRows(connection, key, gone));
  KUBASE_TRY(AddOwnerRows(connection, key, added));
  for (const std::vector<OwnerRow>* const rows : {&gone, &added}) {
    for (const OwnerRow& row : *rows) {
      const auto known = highest_traits_.find(row.owner);
      if (known != highest_traits_.end()) known->second.reset();
    }
  }
  return Ok();
}

Result<int64_t> Ownership::HighestTraitsOf(sql::Connection& connection, const std::string& uid) {
  if (const auto known = highest_traits_.find(uid); known != highest_traits_.end()) {
    if (known->second) return *known->second;
  }
  KUBASE_ASSIGN_OR_RETURN(const HighestTraits read, ReadHighestTraits(connection, {uid}));
  return *read.at(uid);
}

Result<void> Ownership::Define(sql::Connection& connection, const KeyChange& change) {
  std::optional<collect::DefinedKind> definition;
  if (change.after != nullptr) definition = collect::ReadDefinedKind(change.after->value);
  if (!kinds_.Define(change.key, std::move(definition))) return Ok();
  has_uncommitted_ = true;
  if (queue_.count(Waits::kServedKinds) == 0) return Ok();
  return Owe(connection, Action::kWake, "", "", false);
}

Result<void> Ownership::OnGone(const OwnershipView& view, const std::string& key,
                               const ObjectMetadata& object, bool complete) {
  KUBASE_ASSIGN_OR_RETURN(const bool has_label, HasLabel(view.connection, object));
  bool concerned = !complete;
  if (!concerned) {
    KUBASE_ASSIGN_OR_RETURN(const int64_t highest, HighestTraitsOf(view.connection, object.uid));
    concerned = highest >= (has_label ? int64_t{0} : int64_t{kSkipsCaching});
  }
  bool orphans = false;
  if (!queue_.empty()) {
    KUBASE_TRY(Forget(view.connection, Action::kForeground, object.uid));
    KUBASE_TRY(Forget(view.connection, Action::kReleased, object.uid));
    KUBASE_ASSIGN_OR_RETURN(const auto orphaning,
                            queue_.Find(view.connection, Action::kOrphan, object.uid));
    orphans = orphaning.has_value();
  }
  if (!concerned || orphans) return Ok();  // what it promised its orphans is still owed
  return Owe(view.connection, Action::kAbsent, key, object.uid, has_label);
}

Result<void> Ownership::OnThere(const OwnershipView& view, const std::string& key,
                                const ObjectMetadata* before, const ObjectMetadata& after) {
  const bool label_changed = before != nullptr && before->skips_caching != after.skips_caching;
  if (label_changed) KUBASE_TRY(OnLabelChanged(view.connection, key, after));
  const ObjectMetadata* const compared = label_changed ? nullptr : before;
  const bool ends = std::any_of(std::begin(kEndings), std::end(kEndings), [&](const auto& ending) {
    return DeletionStarts(compared, after, ending.first);
  });
  if (ends) {
    KUBASE_ASSIGN_OR_RETURN(const bool ours, IsOurs(view, key, after));
    KUBASE_ASSIGN_OR_RETURN(const bool has_label, HasLabel(view.connection, after));
    if (ours) KUBASE_TRY(OweEnding(view.connection, key, after, has_label));
  }
  const bool owners_changed = before == nullptr || before->owners != after.owners;
  if (after.owners.empty() || !(owners_changed || label_changed)) return Ok();
  return OnOwners(view, key, after, label_changed && !after.skips_caching);
}

Result<void> Ownership::OnLabelChanged(sql::Connection& connection, const std::string& key,
                                       const ObjectMetadata& after) {
  if (after.skips_caching) return Forget(connection, Action::kReleased, after.uid);
  KUBASE_ASSIGN_OR_RETURN(const bool has_dependents, HasDependent(connection, after.uid));
  if (!has_dependents) return Ok();
  return Owe(connection, Action::kReleased, key, after.uid, false, Waits::kForever);
}

// New references, or another label on one end of them: an owner may be absent or waiting, and may
// become ours by this. To kube-controller-manager an object that loses the label is a new one, and
// an owner that waits does not wait for new ones.
Result<void> Ownership::OnOwners(const OwnershipView& view, const std::string& key,
                                 const ObjectMetadata& after, bool had_label) {
  KUBASE_ASSIGN_OR_RETURN(const std::vector<Owner> owners, OwnersOf(view, key, after));
  const bool labelled = after.skips_caching || had_label ||
                        std::any_of(owners.begin(), owners.end(),
                                    [](const Owner& owner) { return owner.skips_caching; });
  if (!labelled) return Ok();
  const bool all_solid = std::all_of(owners.begin(), owners.end(), [](const Owner& owner) {
    return owner.state == OwnerState::kSolid;
  });
  if (!all_solid) KUBASE_TRY(Owe(view.connection, Action::kJudge, key, after.uid, had_label));
  for (const Owner& owner : owners) {
    if (owner.key.empty() || owner.key == key || !after.skips_caching) continue;
    KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr pair, view.pairs(owner.key));
    if (pair == nullptr) continue;
    const std::optional<ObjectMetadata> object = collect::ReadMetadata(pair->value);
    if (!object || !object->IsBeingDeleted()) continue;
    KUBASE_TRY(OweEnding(view.connection, owner.key, *object, owner.skips_caching));
  }
  return Ok();
}

// An owner that waits in the foreground looks again when a dependent has gone, or blocks it no
// more.
Result<void> Ownership::WakeOwners(sql::Connection& connection, const ObjectMetadata& before,
                                   const ObjectMetadata* after) {
  if (queue_.count(Waits::kDependents) == 0) return Ok();
  for (const collect::OwnerReference& owner : before.owners) {
    const bool still_blocks =
        after != nullptr &&
        std::any_of(after->owners.begin(), after->owners.end(), [&](const auto& other) {
          return other.uid == owner.uid && other.block_owner_deletion;
        });
    if (!still_blocks) KUBASE_TRY(WakeForeground(connection, owner.uid));
  }
  return Ok();
}

Result<void> Ownership::WakeForeground(sql::Connection& connection, const std::string& owner) {
  KUBASE_ASSIGN_OR_RETURN(const auto waiting, queue_.Find(connection, Action::kForeground, owner));
  if (!waiting || waiting->waits == Waits::kNot) return Ok();
  Collection due = *waiting;
  due.waits = Waits::kNot;
  return queue_.Update(connection, *waiting, due);
}

Result<void> Ownership::Admit(sql::Connection& connection, const KeyValue& object) {
  if (!IsCollected(object.key)) return Ok();
  const std::optional<ObjectMetadata> metadata = collect::ReadMetadata(object.value);
  if (!metadata || metadata->uid.empty()) return Ok();
  const std::vector<OwnerRow> rows = OwnerRowsOf(*metadata);
  KUBASE_ASSIGN_OR_RETURN(const bool known, HasOwnerRows(connection, object.key, rows));
  if (known) return Ok();
  KUBASE_TRY(AddOwnerRows(connection, object.key, rows));
  if (!metadata->skips_caching) return Ok();
  return OweEnding(connection, object.key, *metadata, true);
}

Result<void> Ownership::OweEnding(sql::Connection& connection, const std::string& key,
                                  const ObjectMetadata& object, bool has_label) {
  if (object.IsBeingDeleted()) {
    // As upstream, orphaning alone when there are both finalizers.
    for (const auto& [finalizer, action] : kEndings) {
      if (!object.HasFinalizer(finalizer)) continue;
      return Owe(connection, action, key, object.uid, has_label);
    }
    return Ok();
  }
  return object.owners.empty() ? Ok() : Owe(connection, Action::kJudge, key, object.uid, true);
}

Result<void> Ownership::OweAbsent(sql::Connection& connection, const std::string& key,
                                  const std::string& uid, bool whole) {
  KUBASE_ASSIGN_OR_RETURN(const bool has_dependents, HasDependent(connection, uid));
  return has_dependents ? Owe(connection, Action::kAbsent, key, uid, whole) : Ok();
}

Result<std::vector<Owner>> Ownership::OwnersOf(const OwnershipView& view, const std::string& key,
                                               const ObjectMetadata& object) {
  std::vector<Owner> owners;
  owners.reserve(object.owners.size());
  for (const collect::OwnerReference& reference : object.owners) {
    KUBASE_ASSIGN_OR_RETURN(Owner owner, FollowReference(view, key, reference));
    if (owner.state == OwnerState::kUnserved) {
      KUBASE_ASSIGN_OR_RETURN(const bool gone, HasGone(view.connection, key, reference));
      if (gone) owner.state = OwnerState::kAbsent;
    }
    owners.push_back(std::move(owner));
  }
  return owners;
}

Result<bool> Ownership::HasGone(sql::Connection& connection, const std::string& dependent,
                                const collect::OwnerReference& reference) {
  if (queue_.empty()) return false;
  KUBASE_ASSIGN_OR_RETURN(const auto gone, queue_.Find(connection, Action::kAbsent, reference.uid));
  return gone && LeadsTo(*gone, kinds_, dependent, reference);
}

// As upstream follows it: the object of that kind and name, in the dependent's namespace, if it
// has that UID (garbagecollector.go, isDangling).
Result<Owner> Ownership::FollowReference(const OwnershipView& view, const std::string& dependent,
                                         const collect::OwnerReference& reference) {
  const collect::ServedKind* const kind = kinds_.Find(reference.api_version, reference.kind);
  if (kind == nullptr) return Owner{.state = OwnerState::kUnserved};
  const std::string_view name_space = PartsOfKey(dependent).name_space;
  if (kind->namespaced && name_space.empty()) return Owner{.state = OwnerState::kMisplaced};
  Owner owner{.key = kind->prefix};
  if (kind->namespaced) owner.key.append(name_space).append("/");
  owner.key.append(reference.name);
  KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr pair, view.pairs(owner.key));
  if (pair == nullptr) return owner;
  const std::optional<ObjectMetadata> object = collect::ReadMetadata(pair->value);
  if (!object) {
    owner.state = OwnerState::kUnserved;  // whether it is the one cannot be told
    return owner;
  }
  if (object->uid != reference.uid) return owner;
  owner.state = object->WaitsForDependents() ? OwnerState::kWaiting : OwnerState::kSolid;
  owner.being_deleted = object->IsBeingDeleted();
  owner.leaves_orphans = owner.being_deleted && object->HasFinalizer(collect::kOrphanFinalizer);
  KUBASE_ASSIGN_OR_RETURN(owner.skips_caching, HasLabel(view.connection, *object));
  return owner;
}

Result<bool> Ownership::HasLabel(sql::Connection& connection, const ObjectMetadata& object) {
  if (object.skips_caching) return true;
  if (queue_.count(Waits::kForever) == 0) return false;
  KUBASE_ASSIGN_OR_RETURN(const auto released,
                          queue_.Find(connection, Action::kReleased, object.uid));
  return released.has_value();
}

Result<bool> Ownership::IsOurs(const OwnershipView& view, const std::string& key,
                               const ObjectMetadata& object) {
  if (!collects_) return false;
  KUBASE_ASSIGN_OR_RETURN(const bool has_label, HasLabel(view.connection, object));
  if (has_label) return true;
  KUBASE_ASSIGN_OR_RETURN(const std::vector<Owner> owners, OwnersOf(view, key, object));
  for (const Owner& owner : owners) {
    if (owner.skips_caching) return true;
  }
  return HasDependent(view.connection, object.uid, kSkipsCaching);
}

Result<void> Ownership::Forget(sql::Connection& connection, Action action, const std::string& uid) {
  KUBASE_ASSIGN_OR_RETURN(const auto owed, queue_.Find(connection, action, uid));
  return owed ? queue_.Remove(connection, *owed) : Ok();
}

Result<void> Ownership::Owe(sql::Connection& connection, Action action, const std::string& key,
                            const std::string& uid, bool whole, Waits waits) {
  if (!collects_) return Ok();
  const auto since =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.WallNow().time_since_epoch());
  return queue_.Add(connection, {.action = action,
                                 .uid = uid,
                                 .key = key,
                                 .whole = whole,
                                 .waits = waits,
                                 .since = since.count()});
}

}  // namespace kubase::store
