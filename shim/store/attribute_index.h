// AttributeIndex: keeps the index of attributes (queries.h) in step with the objects.
//
// Every change of an object ends the entries that it had and has no more and adds the new ones, in
// the transaction of the change. An entry stays until the revision at which it ended is compacted,
// so that a past revision is searched like the present.
//
// A kind is known from its first object, or from the definition of a custom resource. Its entries
// are complete from then on, unless it had objects already (an older database) or its selectable
// fields have changed: then the index is filled in steps between the batches of writes, in the
// order of the names, and readers do without until it is complete.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/attribute_rows.h"
#include "shim/store/indexed_kind.h"
#include "shim/store/key_change.h"
#include "shim/store/kind_fields.h"
#include "shim/store/types.h"

namespace kubase::store {

// The writer's thread only. All calls but Load and Published are inside a write transaction of
// `connection`; when that is not committed, Load has to follow if HasUncommitted.
class AttributeIndex {
 public:
  // `fields` hears of what is published, and must outlive the index.
  explicit AttributeIndex(KindFields& fields) : fields_(fields) {}

  // Reads what is known of the kinds. Errors of all calls: those of the database.
  Result<void> Load(sql::Connection& connection);

  // Before the changed pairs themselves are written.
  Result<void> Write(sql::Connection& connection, std::span<const KeyChange> changes);

  // False: Survey is due.
  bool IsCurrent() const;
  // Takes in the kinds that have objects from before there was an index, and makes those anew that
  // another version of kubase has made in another form.
  Result<void> Survey(sql::Connection& connection, const Meta& meta);
  // Makes the index of a kind anew, by the fields that its definition now says: Steps fill it.
  Result<void> Rebuild(sql::Connection& connection, const Meta& meta, const Kind& kind);

  // Whether Step has something to do.
  bool HasWork() const { return IsFilling() || !to_drop_.empty(); }
  bool IsFilling() const { return !to_fill_.empty(); }
  // Who wants to know of the objects that Step takes in.
  using Admit = std::function<Result<void>(const KeyValue& object)>;
  // Fills or empties a bit, of about so many rows. `revision`: the last one committed.
  Result<void> Step(sql::Connection& connection, Revision revision, int64_t rows,
                    const Admit& admit);

  // Deletes entries that ended up to and including a revision, oldest first; how many.
  static Result<int64_t> Compact(sql::Connection& connection, Revision compact_revision,
                                 int64_t rows);

  // Whether there is in memory what a transaction has changed of the kinds: if that is not
  // committed, Load has to follow.
  bool HasUncommitted() const { return has_uncommitted_; }
  void Committed() { has_uncommitted_ = false; }
  // After a commit, before its events are told.
  void Published();

 private:
  Result<IndexedKind*> KindForChange(sql::Connection& connection, const std::string& key,
                                     Revision revision);
  Result<IndexedKind*> Add(sql::Connection& connection, const std::string& prefix,
                           const std::string& fields, Revision revision);
  // kNotYet: it is to be filled.
  Result<IndexedKind*> Register(sql::Connection& connection, const std::string& prefix,
                                const std::string& fields, Revision indexed_since);
  Result<void> Store(sql::Connection& connection, const IndexedKind& kind);
  Result<void> WriteChange(sql::Connection& connection, IndexedKind& kind, const KeyChange& change,
                           AttributeRows& rows);
  Result<void> Declare(sql::Connection& connection, const KeyChange& change);
  bool IsCurrent(const IndexedKind& kind) const;
  Result<void> Replace(sql::Connection& connection, IndexedKind& kind, const std::string& fields);
  Result<bool> HasObjects(sql::Connection& connection, const std::string& prefix);
  Result<int64_t> NameId(sql::Connection& connection, const IndexedKind& kind,
                         const std::string& name);
  Result<void> AddEntries(sql::Connection& connection, const IndexedKind& kind,
                          const KeyValue& object, Revision since, IndexEntries entries,
                          AttributeRows& rows);
  Result<void> EndEntries(sql::Connection& connection, const IndexedKind& kind,
                          const KeyChange& change, IndexEntries entries, AttributeRows& rows);
  // The entries of a pair, none for null; notes when it is nothing that can be indexed.
  Result<IndexEntries> EntriesOfPair(sql::Connection& connection, IndexedKind& kind,
                                     const KeyValuePtr& pair);
  Result<void> FillStep(sql::Connection& connection, IndexedKind& kind, Revision revision,
                        int64_t count, const Admit& admit);
  Result<void> DropStep(sql::Connection& connection, int64_t kind, int64_t rows);
  // Those that a statement lists.
  static Result<int64_t> DeleteAttributes(sql::Connection& connection, sql::Query list,
                                          sql::Params params);
  void Learn(const IndexedKind& kind);
  // All statements that change the kinds and their names go through this.
  Result<void> Change(sql::Connection& connection, sql::Query query, sql::Params params);

  KindFields& fields_;
  std::map<std::string, IndexedKind, std::less<>> kinds_;      // by prefix
  std::unordered_map<int64_t, select::FieldTablePtr> tables_;  // by kind
  std::vector<std::string> unpublished_;                       // prefixes of new tables
  std::vector<std::string> to_fill_;                           // prefixes
  std::vector<int64_t> to_drop_;                               // kinds
  bool has_uncommitted_ = false;
  int64_t last_kind_ = 0;
  int64_t last_name_ = 0;
  std::unordered_map<std::string, int64_t> names_;  // by kind and name; bounded
};

}  // namespace kubase::store
