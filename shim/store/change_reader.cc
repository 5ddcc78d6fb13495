// Rows of `objects` and `history` ordered by (mod_revision, sub) are the log of changes.
#include "shim/store/change_reader.h"

#include <utility>
#include <vector>

#include "shim/store/pairs.h"

namespace kubase::store {
namespace {

using sql::Query;
using sql::Row;
using sql::Value;

using Rows = std::vector<KeyValuePtr>;

bool IsTombstone(const KeyValue& kv) { return kv.version == 0; }

Result<Rows> ReadRows(sql::Connection& connection, const KeyRange& range, Revision first,
                      Revision last, int64_t limit) {
  const std::string single_end = range.key + '\0';
  std::vector<Value> params = {range.key};
  if (!range.IsUnbounded()) params.emplace_back(range.IsSingle() ? single_end : range.range_end);
  params.insert(params.end(), {first, last, limit});
  const Query query =
      range.IsUnbounded() ? Query::kChangesInRangeUnbounded : Query::kChangesInRange;
  Rows rows;
  KUBASE_TRY(connection.Select(query, params, [&](const Row& row) {
    rows.push_back(std::make_shared<const KeyValue>(ParsePair(row)));
    return true;
  }));
  return rows;
}

Result<KeyValuePtr> ReadPrevious(sql::Connection& connection, const KeyValue& change) {
  KeyValuePtr previous;
  if (change.create_revision == change.mod_revision) return previous;
  const Value params[] = {change.key, change.mod_revision};
  KUBASE_TRY(connection.Select(Query::kGetSuperseded, params, [&](const Row& row) {
    previous = std::make_shared<const KeyValue>(ParsePair(row));
    return false;
  }));
  return previous;
}

Result<EventPtr> MakeEvent(sql::Connection& connection, KeyValuePtr row, bool with_previous) {
  Event event{IsTombstone(*row) ? Event::Type::kDelete : Event::Type::kPut, std::move(row), {}};
  if (with_previous) {
    KUBASE_ASSIGN_OR_RETURN(event.prev, ReadPrevious(connection, *event.kv));
  }
  return std::make_shared<const Event>(std::move(event));
}

// Cuts the last revision off, because the limit may have cut it, unless it is the only one.
bool DropCutRevision(Rows& rows) {
  const Revision cut = rows.back()->mod_revision;
  if (rows.front()->mod_revision == cut) return false;
  while (rows.back()->mod_revision == cut) rows.pop_back();
  return true;
}

}  // namespace

Result<WatchBatch> ReadChanges(sql::Connection& connection, const ChangeQuery& query) {
  KUBASE_ASSIGN_OR_RETURN(const ReadSnapshot snapshot, ReadSnapshot::Begin(connection));
  const Meta& meta = snapshot.meta();
  if (query.first < meta.compact_revision) {
    return Error{ErrorCode::kCompacted, "the changes were compacted"};
  }
  WatchBatch page{.revision = std::max(meta.revision, query.first - 1), .events = {}};
  KUBASE_ASSIGN_OR_RETURN(
      Rows rows, ReadRows(connection, query.range, query.first, meta.revision, query.events_max));
  if (static_cast<int64_t>(rows.size()) == query.events_max) {
    if (!DropCutRevision(rows)) {
      const Revision only = rows.back()->mod_revision;
      KUBASE_ASSIGN_OR_RETURN(rows, ReadRows(connection, query.range, only, only, -1));
    }
    page.revision = rows.back()->mod_revision;
  }
  for (KeyValuePtr& row : rows) {
    KUBASE_ASSIGN_OR_RETURN(EventPtr event,
                            MakeEvent(connection, std::move(row), query.with_previous));
    page.events.push_back(std::move(event));
  }
  return page;
}

}  // namespace kubase::store
