// The in-memory overlay of a batch and its set-based write-out.
#include "shim/store/write_batch.h"

#include <algorithm>
#include <utility>

#include "shim/base/failpoint.h"

namespace kubase::store {

using sql::Query;
using sql::Value;

WriteBatch::WriteBatch(sql::Connection& connection, const Meta& meta, const Context& context)
    : connection_(connection),
      context_(context),
      meta_(meta),
      stored_meta_(meta),
      lookup_([this](const std::string& key) { return Get(key); }) {}

template <typename T>
Result<T> WriteBatch::Noting(Result<T> result) {
  if (!result.ok() && !failure_) failure_ = result.error();
  return result;
}

std::optional<KeyValuePtr> WriteBatch::Known(std::string_view key) const {
  if (key.size() > context_.key_bytes_max) return KeyValuePtr();
  if (const auto cached = context_.pairs.Find(key)) return cached->pair;
  return context_.ahead.Find(key, stored_meta_.revision);
}

Result<KeyValuePtr> WriteBatch::Get(const std::string& key) {
  if (auto found = entries_.find(key); found != entries_.end()) return found->second.current;
  if (const auto known = Known(key); known) return Remember(key, *known).current;
  KUBASE_ASSIGN_OR_RETURN(KeyValuePtr pair, Noting(ReadPair(connection_, key)));
  return Remember(key, pair).current;
}

Result<void> WriteBatch::Prefetch(const std::vector<std::string_view>& keys) {
  std::vector<std::string> unknown;
  for (const std::string_view key : keys) {
    std::string name(key);
    // What there is comes below.
    if (RememberUnknown(name) != nullptr) unknown.push_back(std::move(name));
  }
  if (unknown.empty()) return Ok();
  const std::vector<Value> params(unknown.begin(), unknown.end());
  KUBASE_TRY(Noting(connection_.SelectMany(Query::kGet, params, 1, [&](const sql::Row& row) {
    auto pair = std::make_shared<const KeyValue>(ParsePair(row));
    Entry& entry = entries_.at(pair->key);
    entry.stored_id = pair->id;
    entry.current = std::move(pair);
    return true;
  })));
  for (const std::string& key : unknown) {
    context_.pairs.Learn(key, entries_.at(key).current, stored_meta_.revision);
  }
  return Ok();
}

bool WriteBatch::Knows(const std::vector<std::string_view>& keys) const {
  return std::ranges::all_of(keys, [this](std::string_view key) {
    return entries_.contains(std::string(key)) || Known(key);
  });
}

void WriteBatch::GuessAbsent(const std::vector<std::string_view>& keys) {
  for (const std::string_view key : keys) {
    Entry* const entry = RememberUnknown(std::string(key));
    if (entry == nullptr) continue;
    entry->guessed = true;
    ++guesses_;
  }
}

Result<RangeResponse> WriteBatch::Range(const RangeRequest& request) {
  const Meta visible{VisibleRevision(), meta_.compact_revision, meta_.cluster_id};
  KUBASE_TRY(CheckReadable(request.revision, visible));
  KUBASE_TRY(Flush());
  return Noting(ReadRange(connection_, visible, request));
}

Result<std::vector<KeyValuePtr>> WriteBatch::List(const KeyRange& range) {
  if (range.IsSingle()) {
    KUBASE_ASSIGN_OR_RETURN(KeyValuePtr pair, Get(range.key));
    std::vector<KeyValuePtr> pairs;
    if (pair != nullptr) pairs.push_back(std::move(pair));
    return pairs;
  }
  KUBASE_ASSIGN_OR_RETURN(RangeResponse response, Range({.range = range}));
  return std::move(response.kvs);
}

Result<std::vector<std::string>> WriteBatch::LeaseKeys(LeaseId lease) {
  KUBASE_TRY(Flush());
  std::vector<std::string> keys;
  const Value params[] = {lease};
  KUBASE_TRY(Noting(connection_.Select(Query::kLeaseKeys, params, [&](const sql::Row& row) {
    keys.emplace_back(row.Bytes(0));
    return true;
  })));
  return keys;
}

Result<OwnershipView> WriteBatch::Owners() {
  KUBASE_TRY(FlushAttributes());
  return Pairs();
}

OwnershipView WriteBatch::Pairs() {
  collects_ = true;
  return {connection_, lookup_};
}

Result<bool> WriteBatch::TakeOver(const std::string& key, const std::string* new_value) {
  KUBASE_ASSIGN_OR_RETURN(const KeyValuePtr pair, Get(key));
  if (pair == nullptr) return false;
  KUBASE_ASSIGN_OR_RETURN(const OwnershipView view, Owners());
  return Noting(context_.ownership.TakeOver(view, *pair, new_value));
}

bool WriteBatch::LeaseExists(LeaseId id) const {
  if (auto found = lease_changes_.find(id); found != lease_changes_.end()) {
    return found->second.has_value();
  }
  return context_.leases.Exists(id);
}

WriteBatch::Entry& WriteBatch::Remember(const std::string& key, const KeyValuePtr& pair) {
  auto [entry, added] = entries_.try_emplace(key);
  if (added) {
    entry->second.current = pair;
    entry->second.stored_id = pair != nullptr ? pair->id : 0;
  }
  return entry->second;
}

WriteBatch::Entry* WriteBatch::RememberUnknown(const std::string& key) {
  if (entries_.contains(key)) return nullptr;
  const auto known = Known(key);
  Entry& entry = Remember(key, known.value_or(nullptr));
  return known ? nullptr : &entry;
}

void WriteBatch::Put(const KeyValuePtr& previous, std::string key, std::string value,
                     LeaseId lease) {
  const Revision revision = meta_.revision + 1;
  Entry& entry = Remember(key, previous);
  int64_t id = previous != nullptr ? previous->id : entry.stored_id;
  if (id == 0) id = ++context_.last_object_id;
  auto pair = std::make_shared<const KeyValue>(
      KeyValue{.key = std::move(key),
               .value = std::move(value),
               .create_revision = previous ? previous->create_revision : revision,
               .mod_revision = revision,
               .version = previous ? previous->version + 1 : 1,
               .lease = lease,
               .sub = sub_,
               .id = id});
  Change(entry, Event::Type::kPut, std::move(pair));
}

void WriteBatch::Delete(const KeyValuePtr& previous) {
  const Revision revision = meta_.revision + 1;
  Entry& entry = Remember(previous->key, previous);
  auto tombstone = std::make_shared<const KeyValue>(
      KeyValue{.key = previous->key, .mod_revision = revision, .sub = sub_});
  Change(entry, Event::Type::kDelete, std::move(tombstone));
}

void WriteBatch::Change(Entry& entry, Event::Type type, KeyValuePtr changed) {
  const Revision revision = meta_.revision + 1;
  const bool deleted = type == Event::Type::kDelete;
  if (entry.changed_in != revision) {
    entry.before_revision = entry.current;
    entry.changed_in = revision;
    entry.key_change.reset();
  }
  if (!entry.changed) changed_keys_.push_back(changed->key);
  entry.changed = true;
  if (entry.current != nullptr) history_.push_back({entry.current, revision});
  changes_.push_back({changed->key, revision, sub_, deleted});
  NoteKeyChange(entry, changed->key, deleted ? nullptr : changed);
  const bool created = !deleted && entry.current == nullptr;
  // Also of a second change of the key in this revision, the event tells what was before both.
  transaction_events_.push_back(std::make_shared<const Event>(
      Event{type, changed, created ? nullptr : entry.before_revision}));
  entry.current = deleted ? nullptr : std::move(changed);
  ++sub_;
}

void WriteBatch::NoteKeyChange(Entry& entry, const std::string& key, KeyValuePtr after) {
  if (entry.key_change) {
    key_changes_[*entry.key_change].after = std::move(after);
    return;
  }
  entry.key_change = key_changes_.size();
  key_changes_.push_back({key, entry.changed_in, entry.current, std::move(after)});
}

void WriteBatch::GrantLease(LeaseId id, int64_t ttl_seconds) {
  lease_changes_[id] = ttl_seconds;
  unwritten_leases_[id] = ttl_seconds;
}

void WriteBatch::RevokeLease(LeaseId id) {
  lease_changes_[id] = std::nullopt;
  unwritten_leases_[id] = std::nullopt;
}

void WriteBatch::EndTransaction() {
  if (sub_ == 0) return;
  ++meta_.revision;
  sub_ = 0;
  events_.push_back({meta_.revision, std::move(transaction_events_)});
  transaction_events_.clear();
}

bool WriteBatch::HasChanges() const {
  return meta_.revision != stored_meta_.revision ||
         meta_.compact_revision != stored_meta_.compact_revision || !lease_changes_.empty() ||
         !alarm_changes_.empty() || collects_;
}

Result<void> WriteBatch::Finish() {
  KUBASE_CHECK(sub_ == 0);
  KUBASE_TRY(Flush());
  if (IsGuessing()) return kGuessUntold;
  const Value params[] = {meta_.revision, meta_.compact_revision, stored_meta_.revision};
  return ExecuteMany(Query::kWriteMeta, params, 3);
}

// Nobody else writes: what has a revision of its own can be told by it, and the rest by what it
// changed.
Result<bool> WriteBatch::WasCommitted(const Meta& stored) const {
  const auto same = [&](const Meta& meta) {
    return stored.revision == meta.revision && stored.compact_revision == meta.compact_revision;
  };
  if (!same(stored_meta_) || !same(meta_)) return same(meta_);
  KUBASE_ASSIGN_OR_RETURN(const bool leases, AreLeasesStored());
  KUBASE_ASSIGN_OR_RETURN(const bool alarms, AreAlarmsStored());
  // Where all was so before, it tells nothing of the rest.
  return leases && alarms && (ChangesLeasesOrAlarms() || !collects_);
}

bool WriteBatch::ChangesLeasesOrAlarms() const {
  for (const auto& [id, ttl_seconds] : lease_changes_) {
    if (context_.leases.Exists(id) != ttl_seconds.has_value()) return true;
  }
  for (const auto& [alarm, raised] : alarm_changes_) {
    if (raised != context_.no_space_raised) return true;
  }
  return false;
}

Result<bool> WriteBatch::AreLeasesStored() const {
  std::map<LeaseId, std::optional<int64_t>> stored;
  for (const auto& [id, ttl_seconds] : lease_changes_) stored[id] = std::nullopt;
  KUBASE_TRY(connection_.Select(Query::kListLeases, {}, [&](const sql::Row& row) {
    if (const auto found = stored.find(row.Int(0)); found != stored.end()) {
      found->second = row.Int(1);
    }
    return true;
  }));
  return stored == lease_changes_;
}

Result<bool> WriteBatch::AreAlarmsStored() const {
  std::map<Alarm, bool> stored;
  for (const auto& [alarm, raised] : alarm_changes_) stored[alarm] = false;
  KUBASE_TRY(connection_.Select(Query::kListAlarms, {}, [&](const sql::Row& row) {
    if (const auto found = stored.find(static_cast<Alarm>(row.Int(0))); found != stored.end()) {
      found->second = true;
    }
    return true;
  }));
  return stored == alarm_changes_;
}

Result<void> WriteBatch::Flush() {
  KUBASE_TRY(FlushAttributes());
  KUBASE_TRY(FlushHistory());
  KUBASE_TRY(FlushChanges());
  Reach(Failpoint::kWriterHistoryFlushed);
  KUBASE_TRY(FlushObjects());
  Reach(Failpoint::kWriterObjectsFlushed);
  KUBASE_TRY(FlushLeases());
  Reach(Failpoint::kWriterLeasesFlushed);
  return FlushAlarms();
}

Result<void> WriteBatch::FlushAttributes() {
  if (key_changes_.empty()) return Ok();
  KUBASE_TRY(Noting(context_.attributes.Write(connection_, key_changes_)));
  KUBASE_TRY(Noting(context_.ownership.Observe(
      {connection_, lookup_}, key_changes_, !context_.attributes.IsFilling(), context_.skipped)));
  for (const KeyChange& change : key_changes_) entries_.at(change.key).key_change.reset();
  key_changes_.clear();
  Reach(Failpoint::kWriterAttributesFlushed);
  return Ok();
}

Result<void> WriteBatch::FlushHistory() {
  if (history_.empty()) return Ok();
  std::vector<Value> rows;
  rows.reserve(history_.size() * 8);
  for (const auto& [kv, end_revision] : history_) {
    rows.insert(rows.end(), {kv->key, kv->value, kv->create_revision, kv->mod_revision, kv->version,
                             kv->lease, kv->sub, end_revision});
  }
  KUBASE_TRY(Noting(connection_.ExecuteMany(Query::kAddHistory, rows, 8)));
  history_.clear();
  return Ok();
}

Result<void> WriteBatch::FlushChanges() {
  if (changes_.empty()) return Ok();
  std::vector<Value> rows;
  rows.reserve(changes_.size() * 4);
  for (const ChangeRow& change : changes_) {
    rows.insert(rows.end(), {change.revision, change.sub, int64_t{change.deleted}, change.key});
  }
  KUBASE_TRY(Noting(connection_.ExecuteMany(Query::kAddChange, rows, 4)));
  changes_.clear();
  return Ok();
}

Result<void> WriteBatch::FlushObjects() {
  std::vector<Value> inserts, updates, deletes;
  for (const std::string& key : changed_keys_) {
    Entry& entry = entries_.at(key);
    const KeyValue* const kv = entry.current.get();
    if (kv == nullptr) {
      if (entry.stored_id != 0) deletes.emplace_back(entry.stored_id);
    } else if (entry.stored_id != 0) {
      updates.insert(updates.end(), {kv->value, kv->create_revision, kv->mod_revision, kv->version,
                                     kv->lease, kv->sub, kv->id});
    } else {
      inserts.insert(inserts.end(), {kv->id, kv->key, kv->value, kv->create_revision,
                                     kv->mod_revision, kv->version, kv->lease, kv->sub});
      // Which fails where there is one.
      if (std::exchange(entry.guessed, false)) --guesses_;
    }
    entry.stored_id = kv != nullptr ? kv->id : 0;
    entry.changed = false;
  }
  changed_keys_.clear();
  KUBASE_TRY(ExecuteMany(Query::kDeleteObject, deletes, 1));
  KUBASE_TRY(ExecuteMany(Query::kUpdateObject, updates, 7));
  return ExecuteMany(Query::kInsertObject, inserts, 8);
}

Result<void> WriteBatch::ExecuteMany(Query query, sql::Params rows, size_t columns) {
  if (rows.empty()) return Ok();
  return Noting(connection_.ExecuteMany(query, rows, columns));
}

Result<void> WriteBatch::FlushLeases() {
  for (const auto& [id, ttl_seconds] : unwritten_leases_) {
    const Value row[] = {id, ttl_seconds.value_or(0)};
    KUBASE_TRY(ExecuteMany(Query::kDeleteLease, sql::Params(row, 1), 1));
    if (ttl_seconds) KUBASE_TRY(ExecuteMany(Query::kPutLease, row, 2));
  }
  unwritten_leases_.clear();
  return Ok();
}

Result<void> WriteBatch::FlushAlarms() {
  for (const auto& [alarm, raised] : alarm_changes_) {
    const Value row[] = {static_cast<int64_t>(alarm)};
    const Query query = raised ? Query::kPutAlarm : Query::kDeleteAlarm;
    KUBASE_TRY(ExecuteMany(query, row, 1));
  }
  return Ok();
}

}  // namespace kubase::store
