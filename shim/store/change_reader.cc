// The rows of `changes` in their order, each with the pair that it left in `objects` or `history`.
#include "shim/store/change_reader.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "shim/base/limits.h"
#include "shim/store/pairs.h"

namespace kubase::store {
namespace {

using sql::Query;
using sql::Row;
using sql::Value;

using Rows = std::vector<KeyValuePtr>;

struct Limits {
  int64_t rows;  // < 0: none
  size_t bytes;
};
constexpr Limits kNoLimits{-1, std::numeric_limits<size_t>::max()};

bool IsTombstone(const KeyValue& kv) {
  return kv.version == 0;
}

// `cut`: a limit was reached, so the last revision may not be whole.
struct RowPage {
  Rows rows;
  bool cut = false;
};

Result<RowPage> ReadRows(sql::Connection& connection, const KeyRange& range, Revision first,
                         Revision last, const Limits& limits) {
  const std::string single_end = range.key + '\0';
  std::vector<Value> params = {range.key};
  if (!range.IsUnbounded()) params.emplace_back(range.IsSingle() ? single_end : range.range_end);
  params.insert(params.end(), {first, last, limits.rows});
  const Query query =
      range.IsUnbounded() ? Query::kChangesInRangeUnbounded : Query::kChangesInRange;
  RowPage page;
  size_t bytes = 0;
  KUBASE_TRY(connection.Select(query, params, [&](const Row& row) {
    page.rows.push_back(std::make_shared<const KeyValue>(ParsePair(row)));
    bytes += page.rows.back()->value.size();
    page.cut = bytes >= limits.bytes;
    return !page.cut;
  }));
  page.cut = page.cut || static_cast<int64_t>(page.rows.size()) == limits.rows;
  return page;
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

Result<WatchBatch> ReadChanges(sql::Connection& connection, PublishedRevision& published,
                               const ChangeQuery& query) {
  KUBASE_ASSIGN_OR_RETURN(const ReadSnapshot snapshot, ReadSnapshot::Begin(connection, published));
  const Meta& meta = snapshot.meta();
  if (query.first < meta.compact_revision) {
    return Error{ErrorCode::kCompacted, "the changes were compacted"};
  }
  WatchBatch page{.revision = std::max(meta.revision, query.first - 1), .events = {}};
  KUBASE_ASSIGN_OR_RETURN(RowPage read,
                          ReadRows(connection, query.range, query.first, meta.revision,
                                   {query.events_max, limits::kWatchCatchUpBytesMax}));
  if (read.cut) {
    if (!DropCutRevision(read.rows)) {
      const Revision only = read.rows.back()->mod_revision;
      KUBASE_ASSIGN_OR_RETURN(read, ReadRows(connection, query.range, only, only, kNoLimits));
    }
    page.revision = read.rows.back()->mod_revision;
  }
  for (KeyValuePtr& row : read.rows) {
    KUBASE_ASSIGN_OR_RETURN(EventPtr event,
                            MakeEvent(connection, std::move(row), query.with_previous));
    page.events.push_back(std::move(event));
  }
  return page;
}

}  // namespace kubase::store
