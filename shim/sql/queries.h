// The named statements of the store and the data model they stand on (design: ARCHITECTURE.md,
// "Temporal tables"). An engine's dialect gives each its text; the parameters are the same for all.
//
//   objects   the live pairs; id is stable while a key lives
//   history   superseded pairs, valid for revisions in [mod_revision, end_revision), in the order
//   of
//             end_revision
//   changes   which key each revision put or deleted: an append-only log, cheaper by far than to
//   keep
//             an index on the revision of every pair
//   leases    id and granted time to live
//   alarms    the numbers of those that are raised, until somebody takes them back
//   kinds     the Kubernetes resources, each with what its index below holds
//   attribute_names  labels and fields of a kind that any of its objects has had, as numbers
//   attributes       label and field values of objects, each valid for revisions in
//             [since, end_revision), end_revision 0 while it holds; the object's key is the prefix
//             of its kind and then object_name
//   dependents       objects by the UIDs that they name as their owners, as of now, with `traits`
//   of
//             the object and its reference (shim/store/owner_index.h)
//   collections      work that the collector of garbage owes, a row for each object
//             (shim/store/collection_queue.h)
//   meta      one row: schema version, cluster id, current and compacted revision
//
// `sub` orders the changes of one revision. A transaction may change a key twice; what the second
// change supersedes is then valid for no revision (end_revision = mod_revision), but still an
// event, until that revision is compacted.
#pragma once

#include <cstddef>

namespace kubase::sql {

// Pairs X, XUnbounded differ in the upper bound: [key, end) or [key, infinity); the unbounded one
// has no `end` parameter. "Pair columns" are key, value, create_revision, mod_revision, version,
// lease, sub, id (of `objects`, 0 for what is not there any more); without a value the statement
// returns an empty one.
enum class Query {
  // () -> schema_version, cluster_id, revision, compact_revision. Primary key.
  kReadMeta,
  // (revision, compact_revision, expected): stores the first two. Fails, as the guard of a write
  // transaction does, unless the stored revision is `expected`: the database has gone back, then.
  kWriteMeta,
  // (key) -> revision, compact_revision, then the pair columns, null when the key is not there.
  // One statement, hence one snapshot. Unique index on objects.key. For many keys at once on a
  // remote engine as well: a row for each that is there, or one with nulls.
  kGetWithMeta,
  // (key) -> pair columns. Unique index on objects.key.
  kGet,
  // (key, revision) -> pair columns as of a revision. objects.key; history(key, end).
  kGetAt,
  // (key, end, limit) -> pair columns in key order. Unique index on objects.key.
  kList,
  kListUnbounded,
  kListKeys,
  kListKeysUnbounded,
  // (key, end, limit) -> key, in key order. Covered by the unique index on objects.key.
  kListBareKeys,
  kListBareKeysUnbounded,
  // (key, end) -> count. Covered by the unique index on objects.key.
  kCount,
  kCountUnbounded,
  // (key, end, revision, limit) -> pair columns in key order as of a revision. Merges objects.key
  // and history(key, end_revision).
  kListAt,
  kListAtUnbounded,
  kListKeysAt,
  kListKeysAtUnbounded,
  // (key, end, revision) -> count as of a revision.
  kCountAt,
  kCountAtUnbounded,
  // (first, last, limit) -> pair columns of all changes in [first, last], ordered by (mod_revision,
  // sub); deletions have version 0. Primary key of changes, and for each the key of its pair.
  kChanges,
  // (key, end, first, last, limit): the same for the keys of a range.
  kChangesInRange,
  kChangesInRangeUnbounded,
  // (key, revision) -> pair columns of what a key was before a revision that changed it, and that
  // revision in place of the id. Unique history(key, end_revision, …).
  kGetSuperseded,
  // () -> the highest id in `objects`, 0 when it is empty.
  kMaxObjectId,
  // (id, key, value, create_revision, mod_revision, version, lease, sub)
  kInsertObject,
  // (value, create_revision, mod_revision, version, lease, sub, id)
  kUpdateObject,
  // (id)
  kDeleteObject,
  // (key, value, create_revision, mod_revision, version, lease, sub, end_revision)
  kAddHistory,
  // (revision, sub, deleted, key)
  kAddChange,
  // (end_revision, limit): deletes history up to and including it, oldest first.
  kCompactHistory,
  // (revision, limit): deletes changes before it, oldest first.
  kCompactChanges,
  // (lease) -> key, in key order. Partial index on objects.lease.
  kLeaseKeys,
  // () -> id, ttl
  kListLeases,
  // (id, ttl)
  kPutLease,
  // (id)
  kDeleteLease,
  // () -> alarm
  kListAlarms,
  // (alarm): also when it is there already.
  kPutAlarm,
  // (alarm)
  kDeleteAlarm,
  // "Kind columns" are id, prefix, fields, indexed_since, indexed_to, foreign_values.
  // () -> kind columns of all; a few hundred rows.
  kListKinds,
  // (prefix) -> kind columns.
  kGetKind,
  // (kind columns)
  kAddKind,
  // (prefix, fields, indexed_since, indexed_to, foreign_values, id)
  kUpdateKind,
  // (id)
  kDeleteKind,
  // () -> the highest id in `attribute_names`, 0 when it is empty.
  kMaxAttributeNameId,
  // (kind, name) -> id
  kGetAttributeName,
  // (kind) -> id of the names of a kind.
  kListAttributeNames,
  // (id, kind, name)
  kAddAttributeName,
  // (id)
  kDeleteAttributeName,
  // (name, value, object_name, since, object): also where the same row has just ended.
  kAddAttribute,
  // (end_revision, name, value, object_name): ends the row that holds.
  kEndAttribute,
  // (name, value, object_name, since)
  kDeleteAttribute,
  // (name, value, object_name) -> object, of the row that holds. Primary key.
  kGetAttribute,
  // (end_revision, limit) -> name, value, object_name, since of rows that ended up to and including
  // it, oldest first.
  kListEndedAttributes,
  // (name, limit) -> name, value, object_name, since of rows of a name.
  kListAttributesOfName,
  // (name) -> the number of its rows that hold.
  kCountAttributes,
  // (name, value) -> the first value of a name from there on, whether or not it still holds.
  kNextAttributeValue,
  // (name, value, object_name, offset) -> object_name, so many rows after the first one from there
  // on, whether or not they still hold.
  kSkipAttributes,
  // (owner, traits, key): also when it is there already.
  kAddDependent,
  // (owner, traits, key)
  kDeleteDependent,
  // (owner, traits, key, limit) -> traits, key of an owner's dependents after these, in the order
  // of
  // both. Primary key.
  kListDependents,
  // (owner, traits, key) -> 1, if it is there. Primary key.
  kGetDependent,
  // (owner) -> owner, traits of the last of its dependents in that order. Primary key.
  kLastDependent,
  // (owner, traits, key, limit) -> owner, traits, key of all rows after this one, in the order of
  // the three. Primary key.
  kWalkDependents,
  // () -> the highest id in `collections`, 0 when it is empty.
  kMaxCollectionId,
  // (id, action, uid, key, whole, waits, since): not when there is one of that action and uid.
  kAddCollection,
  // (action, uid) -> collection columns: id, action, uid, key, whole, waits, since, cursor_traits,
  // cursor_key. Unique index.
  kGetCollection,
  // (id, limit) -> collection columns of those that are due (waits 0), from an id on. Index on
  // (waits, id).
  kListDueCollections,
  // (whole, waits, cursor_traits, cursor_key, id)
  kUpdateCollection,
  // (id)
  kDeleteCollection,
  // (waits, id, count) -> the id of the one behind that id, and behind `count` others, that waits
  // for
  // it. Index on (waits, id).
  kSkipCollections,
  // (waits, after, last): makes those due that wait for it and have an id after the one, up to the
  // other. Index on (waits, id).
  kWakeCollections,
  // (waits) -> how many there are.
  kCountCollections,
  // (revision, compact_revision) -> pair columns of every pair and deletion (version 0) that a read
  // or a watch at or above the compacted revision could show, up to a revision.
  kScanVersions,
  kQueryCount,
};

inline constexpr size_t kQueries = static_cast<size_t>(Query::kQueryCount);

// A step of each engine's schema, of no statement: from it on rows of `kinds` say what their
// entries were made by, which older versions of kubase would not keep, so they refuse the database.
inline constexpr char kIndexFormsStep[] = "";

// The name in metrics, logs and plans: "get_with_meta". Static storage.
const char* QueryName(Query query);

}  // namespace kubase::sql
