// Rows of `collections`, and how many there are of each sort.
#include "shim/store/collection_queue.h"

#include <utility>

namespace kubase::store {
namespace {

using sql::Query;
using sql::Value;

Collection Parse(const sql::Row& row) {
  return {.id = row.Int(0),
          .action = static_cast<Collection::Action>(row.Int(1)),
          .uid = std::string(row.Bytes(2)),
          .key = std::string(row.Bytes(3)),
          .whole = row.Int(4) != 0,
          .waits = static_cast<Collection::Waits>(row.Int(5)),
          .since = row.Int(6),
          .cursor = {row.Int(7), std::string(row.Bytes(8))}};
}

Result<int64_t> ReadNumber(sql::Connection& connection, Query query, sql::Params params) {
  int64_t number = 0;
  KUBASE_TRY(connection.Select(query, params, [&](const sql::Row& row) {
    number = row.Int(0);
    return false;
  }));
  return number;
}

Result<std::optional<Collection>> ReadOne(sql::Connection& connection, Query query,
                                          sql::Params params) {
  std::optional<Collection> found;
  KUBASE_TRY(connection.Select(query, params, [&](const sql::Row& row) {
    found = Parse(row);
    return false;
  }));
  return found;
}

}  // namespace

Result<void> CollectionQueue::Load(sql::Connection& connection) {
  has_uncommitted_ = false;
  KUBASE_ASSIGN_OR_RETURN(last_id_, ReadNumber(connection, Query::kMaxCollectionId, {}));
  for (size_t waits = 0; waits < counts_.size(); ++waits) {
    const Value params[] = {static_cast<int64_t>(waits)};
    KUBASE_ASSIGN_OR_RETURN(counts_[waits],
                            ReadNumber(connection, Query::kCountCollections, params));
  }
  return Ok();
}

Result<void> CollectionQueue::Add(sql::Connection& connection, Collection collection) {
  const Value params[] = {last_id_ + 1,
                          static_cast<int64_t>(collection.action),
                          collection.uid,
                          collection.key,
                          int64_t{collection.whole},
                          static_cast<int64_t>(collection.waits),
                          collection.since};
  KUBASE_ASSIGN_OR_RETURN(const int64_t added, connection.Execute(Query::kAddCollection, params));
  if (added == 0) return Merge(connection, collection);
  ++last_id_;
  ++CountOf(collection.waits);
  return Ok();
}

Result<void> CollectionQueue::Merge(sql::Connection& connection, const Collection& again) {
  KUBASE_ASSIGN_OR_RETURN(const auto found, Find(connection, again.action, again.uid));
  if (!found) {
    return Error{ErrorCode::kCorrupt, "a row of collections has an id that was to be a new one"};
  }
  Collection merged = *found;
  merged.whole = found->whole || again.whole;
  const bool is_more = merged.whole != found->whole || again.action == Collection::Action::kWake;
  if (again.waits == Collection::Waits::kNot &&
      (is_more || found->waits != Collection::Waits::kNot)) {
    merged.waits = Collection::Waits::kNot;
    merged.cursor = kBeforeDependents;
  } else if (!is_more) {
    return Ok();
  }
  return Update(connection, *found, merged);
}

Result<std::optional<Collection>> CollectionQueue::Find(sql::Connection& connection,
                                                        Collection::Action action,
                                                        const std::string& uid) {
  const Value params[] = {static_cast<int64_t>(action), uid};
  return ReadOne(connection, Query::kGetCollection, params);
}

Result<std::optional<Collection>> CollectionQueue::NextDue(sql::Connection& connection,
                                                           int64_t id) {
  const Value params[] = {id, int64_t{1}};
  return ReadOne(connection, Query::kListDueCollections, params);
}

Result<void> CollectionQueue::Update(sql::Connection& connection, const Collection& before,
                                     const Collection& after) {
  const Value params[] = {int64_t{after.whole}, static_cast<int64_t>(after.waits),
                          after.cursor.traits, after.cursor.key, after.id};
  KUBASE_TRY(connection.Execute(Query::kUpdateCollection, params));
  --CountOf(before.waits);
  ++CountOf(after.waits);
  return Ok();
}

Result<void> CollectionQueue::Remove(sql::Connection& connection, const Collection& collection) {
  const Value params[] = {collection.id};
  KUBASE_TRY(connection.Execute(Query::kDeleteCollection, params));
  --CountOf(collection.waits);
  return Ok();
}

Result<std::optional<int64_t>> CollectionQueue::Wake(sql::Connection& connection,
                                                     Collection::Waits waits, int64_t after,
                                                     int64_t count) {
  std::optional<int64_t> last;
  const Value skipped[] = {static_cast<int64_t>(waits), after, count - 1};
  KUBASE_TRY(connection.Select(Query::kSkipCollections, skipped, [&](const sql::Row& row) {
    last = row.Int(0);
    return false;
  }));
  const Value params[] = {static_cast<int64_t>(waits), after, last.value_or(last_id_)};
  KUBASE_ASSIGN_OR_RETURN(const int64_t woken, connection.Execute(Query::kWakeCollections, params));
  CountOf(waits) -= woken;
  CountOf(Collection::Waits::kNot) += woken;
  return last;
}

}  // namespace kubase::store
