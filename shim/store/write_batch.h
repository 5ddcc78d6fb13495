// WriteBatch: the state of the store as the transactions of one commit see and change it.
//
// Point reads go through a cache, so that a transaction sees what earlier ones of the same batch
// did; the changes are kept in memory and written with a few statements at the end. A range read
// first writes what is pending (inside the uncommitted SQL transaction) and then asks the database,
// so that ranges need no rules of their own.
// One thread; lives inside one SQL write transaction.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/attribute_index.h"
#include "shim/store/ownership.h"
#include "shim/store/pair_cache.h"
#include "shim/store/pairs.h"
#include "shim/store/read_ahead.h"
#include "shim/store/types.h"
#include "shim/store/watch.h"

namespace kubase::store {

// What the batch needs to know of leases that were there before it.
class LeaseLookup {
 public:
  virtual ~LeaseLookup() = default;
  virtual bool Exists(LeaseId id) const = 0;
};

inline const Error kGuessUntold{ErrorCode::kAlreadyExists,
                                "a key that was taken to be absent was not put"};

class WriteBatch {
 public:
  // What the writer keeps from batch to batch.
  struct Context {
    const LeaseLookup& leases;
    PairCache& pairs;
    const ReadAhead& ahead;
    AttributeIndex& attributes;
    Ownership& ownership;
    SkippedObjects& skipped;
    int64_t& last_object_id;
    size_t key_bytes_max = 0;      // there are no longer ones
    bool no_space_raised = false;  // the alarm
  };
  WriteBatch(sql::Connection& connection, const Meta& meta, const Context& context);

  // Null: the key does not exist. This and all reads: on a database error the batch has failed()
  // and must be rolled back.
  Result<KeyValuePtr> Get(const std::string& key);
  Result<RangeResponse> Range(const RangeRequest& request);
  // Reads the pairs of these keys together, as far as memory does not know them, so that Get has
  // them.
  Result<void> Prefetch(const std::vector<std::string_view>& keys);
  // Whether Prefetch would have nothing to read.
  bool Knows(const std::vector<std::string_view>& keys) const;
  // Takes it that there are no such keys, as far as memory does not know: that costs no reading.
  // Putting them tells: a batch in which that was wrong, or in which one was not put, ends with
  // kAlreadyExists (some engines say so only when it is committed), and has to be done again
  // without.
  void GuessAbsent(const std::vector<std::string_view>& keys);
  // The pairs of a range as they are now, in key order.
  Result<std::vector<KeyValuePtr>> List(const KeyRange& range);
  Result<std::vector<std::string>> LeaseKeys(LeaseId lease);
  bool LeaseExists(LeaseId id) const;
  // For the collector of garbage: who owns whom, after everything in the batch so far; and the
  // pairs alone. What it notes becomes part of the batch.
  Result<OwnershipView> Owners();
  OwnershipView Pairs();
  // Of what was read and written past the batch, by the connection of such a view.
  void NoteOutcome(Result<void> outcome) { (void)Noting(std::move(outcome)); }
  // Whether a write of kube-controller-manager's collector is refused: as Ownership::TakeOver.
  Result<bool> TakeOver(const std::string& key, const std::string* new_value);

  // The changes between two EndTransaction calls share one revision. Revisions and version are set
  // here. Both need the pair that Get or List returned for the key, null if there was none.
  void Put(const KeyValuePtr& previous, std::string key, std::string value, LeaseId lease);
  void Delete(const KeyValuePtr& previous);
  void GrantLease(LeaseId id, int64_t ttl_seconds);
  void RevokeLease(LeaseId id);
  void SetAlarm(Alarm alarm, bool raised) { alarm_changes_[alarm] = raised; }
  void Compact(Revision revision) { meta_.compact_revision = revision; }
  void EndTransaction();

  // The revision that a read in the current transaction sees.
  Revision VisibleRevision() const { return meta_.revision + (sub_ > 0 ? 1 : 0); }
  // After the last EndTransaction.
  const Meta& meta() const { return meta_; }

  bool HasChanges() const;
  // Whether a guess has neither proved true nor false.
  bool IsGuessing() const { return guesses_ > 0; }
  bool failed() const { return failure_.has_value(); }
  const Error& failure() const { return *failure_; }

  // Writes everything, including `meta`; the caller commits.
  Result<void> Finish();

  // After a commit of unknown outcome, when the database has decided and says `stored`: whether it
  // took the batch. False also of one that changed nothing but what the collector owes.
  Result<bool> WasCommitted(const Meta& stored) const;

  // What to tell watchers once committed: one entry a revision.
  std::vector<WatchBatch> TakeEvents() { return std::move(events_); }
  // Leases granted (with time to live) and revoked (nullopt).
  const std::map<LeaseId, std::optional<int64_t>>& lease_changes() const { return lease_changes_; }
  const std::map<Alarm, bool>& alarm_changes() const { return alarm_changes_; }  // raised or not

 private:
  struct Entry {
    KeyValuePtr current;
    int64_t stored_id = 0;  // of the row that the database has for the key; 0: it has none
    bool changed = false;   // `current` is not in the database yet
    bool guessed = false;   // that the database has none; nothing has told yet
    // What the key was before the revision that changed it last in this batch.
    KeyValuePtr before_revision;
    Revision changed_in = 0;
    // Of key_changes_, when it has one of changed_in.
    std::optional<size_t> key_change;
  };
  struct ChangeRow {
    std::string key;
    Revision revision;
    int64_t sub;
    bool deleted;
  };
  struct HistoryRow {
    KeyValuePtr kv;
    Revision end_revision;
  };

  // The pair that the database had before the batch, null for none; nullopt: memory does not know.
  std::optional<KeyValuePtr> Known(std::string_view key) const;
  template <typename T>
  Result<T> Noting(Result<T> result);  // remembers a database error as the batch's failure
  Entry& Remember(const std::string& key, const KeyValuePtr& pair);
  // The new entry of a key, as if there were no pair, if memory does not know. Null: the batch has
  // the key.
  Entry* RememberUnknown(const std::string& key);
  void Change(Entry& entry, Event::Type type, KeyValuePtr changed);
  void NoteKeyChange(Entry& entry, const std::string& key, KeyValuePtr after);
  Result<void> ExecuteMany(sql::Query query, sql::Params rows, size_t columns);
  Result<void> Flush();
  Result<void> FlushAttributes();
  Result<void> FlushHistory();
  Result<void> FlushChanges();
  Result<void> FlushObjects();
  Result<void> FlushLeases();
  Result<void> FlushAlarms();
  bool ChangesLeasesOrAlarms() const;  // in comparison to what memory knows of before
  Result<bool> AreLeasesStored() const;
  Result<bool> AreAlarmsStored() const;

  sql::Connection& connection_;
  const Context context_;
  Meta meta_;
  const Meta stored_meta_;
  std::optional<Error> failure_;

  std::unordered_map<std::string, Entry> entries_;
  size_t guesses_ = 0;                     // entries that are guessed
  std::vector<std::string> changed_keys_;  // in order, each once between flushes
  std::vector<HistoryRow> history_;        // not yet written
  std::vector<ChangeRow> changes_;         // not yet written
  std::vector<KeyChange> key_changes_;     // not yet in the index; of a key one in a revision
  std::map<LeaseId, std::optional<int64_t>> lease_changes_;
  std::map<LeaseId, std::optional<int64_t>> unwritten_leases_;
  std::map<Alarm, bool> alarm_changes_;
  const PairLookup lookup_;
  bool collects_ = false;
  std::vector<WatchBatch> events_;
  std::vector<EventPtr> transaction_events_;
  int64_t sub_ = 0;  // changes in the current transaction
};

}  // namespace kubase::store
