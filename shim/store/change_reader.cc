// The rows of `changes` in their order, each with the pair that it left in `objects` or `history`.
#include "shim/store/change_reader.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
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

// What keys were before some of the revisions that changed them.
using Superseded = std::map<std::pair<std::string, Revision>, KeyValuePtr>;

bool IsCreation(const KeyValue& change) {
  return change.create_revision == change.mod_revision;
}

// Adds what was before each of the changes, in one round trip.
Result<void> ReadSuperseded(sql::Connection& connection, const Rows& changes,
                            Superseded& superseded) {
  std::set<std::pair<std::string, Revision>> wanted;  // one transaction may change a key twice
  for (const KeyValuePtr& change : changes) {
    if (!IsCreation(*change)) wanted.emplace(change->key, change->mod_revision);
  }
  std::vector<Value> params;
  for (const auto& [key, revision] : wanted) {
    params.emplace_back(key);
    params.emplace_back(revision);
  }
  if (params.empty()) return Ok();
  return connection.SelectMany(Query::kGetSuperseded, params, 2, [&](const Row& row) {
    KeyValue pair = ParsePair(row);
    const Revision end = std::exchange(pair.id, 0);
    std::pair place(pair.key, end);
    superseded.emplace(std::move(place), std::make_shared<const KeyValue>(std::move(pair)));
    return true;
  });
}

// Null: there was none, or it is not among them.
KeyValuePtr PreviousOf(const KeyValue& change, const Superseded& superseded) {
  if (IsCreation(change)) return nullptr;
  const auto found = superseded.find({change.key, change.mod_revision});
  return found == superseded.end() ? nullptr : found->second;
}

Result<std::vector<EventPtr>> MakeEvents(sql::Connection& connection, Rows changes,
                                         bool with_previous) {
  Superseded superseded;
  if (with_previous) KUBASE_TRY(ReadSuperseded(connection, changes, superseded));
  std::vector<EventPtr> events;
  events.reserve(changes.size());
  for (KeyValuePtr& change : changes) {
    const auto type = IsTombstone(*change) ? Event::Type::kDelete : Event::Type::kPut;
    KeyValuePtr previous = PreviousOf(*change, superseded);
    events.push_back(
        std::make_shared<const Event>(Event{type, std::move(change), std::move(previous)}));
  }
  return events;
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
  KUBASE_ASSIGN_OR_RETURN(page.events,
                          MakeEvents(connection, std::move(read.rows), query.with_previous));
  return page;
}

}  // namespace kubase::store
