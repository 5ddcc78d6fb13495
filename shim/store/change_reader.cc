// The rows of `changes` in their order, each with the pair that it left in `objects` or `history`.
#include "shim/store/change_reader.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <ranges>
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

bool IsCreation(const KeyValue& change) {
  return change.create_revision == change.mod_revision;
}

// What keys were before the revisions that changed them: of whole revisions from the first on, as
// many as have a page's bytes, though the rows come in any order.
class SupersededPairs {
 public:
  explicit SupersededPairs(Revision first) : first_(first) {}

  // Reads what was before the changes, which are in order; those from end() on lack it.
  Result<void> Read(sql::Connection& connection, const Rows& changes) {
    std::set<Place> wanted;  // one transaction may change a key twice
    for (const KeyValuePtr& change : changes) {
      if (!IsCreation(*change)) wanted.emplace(change->mod_revision, change->key);
    }
    ptrdiff_t group = kFirstGroup;
    for (auto from = wanted.begin(); from != wanted.end() && from->first < end_;) {
      const auto to = std::ranges::next(from, group, wanted.end());
      KUBASE_TRY(ReadGroup(connection, {from, to}));
      from = to;
      group *= kGroupGrowth;
    }
    return Ok();
  }

  Revision end() const { return end_; }

  // Null: there was none, or it is not among them.
  KeyValuePtr Before(const KeyValue& change) const {
    if (IsCreation(change)) return nullptr;
    const auto found = pairs_.find({change.mod_revision, change.key});
    return found == pairs_.end() ? nullptr : found->second;
  }

 private:
  using Place = std::pair<Revision, std::string>;

  // A server sends what it was asked for also when that is more than a page: the first round trip
  // has few, and the later ones are for pairs that are small.
  static constexpr ptrdiff_t kFirstGroup = 16;
  static constexpr ptrdiff_t kGroupGrowth = 4;

  Result<void> ReadGroup(sql::Connection& connection,
                         const std::ranges::subrange<std::set<Place>::const_iterator>& group) {
    std::vector<Value> params;
    for (const auto& [revision, key] : group) {
      params.emplace_back(key);
      params.emplace_back(revision);
    }
    return connection.SelectMany(Query::kGetSuperseded, params, 2, [this](const Row& row) {
      KeyValue pair = ParsePair(row);
      const Revision revision = std::exchange(pair.id, 0);
      if (revision < end_) Add(revision, std::move(pair));
      return true;
    });
  }

  void Add(Revision revision, KeyValue pair) {
    bytes_ += pair.value.size();
    Place place(revision, pair.key);
    pairs_.emplace(std::move(place), std::make_shared<const KeyValue>(std::move(pair)));
    while (bytes_ > limits::kWatchCatchUpBytesMax && pairs_.rbegin()->first.first > first_) {
      const auto last = std::prev(pairs_.end());
      end_ = last->first.first;
      bytes_ -= last->second->value.size();
      pairs_.erase(last);
    }
  }

  const Revision first_;
  Revision end_ = std::numeric_limits<Revision>::max();
  size_t bytes_ = 0;
  std::map<Place, KeyValuePtr> pairs_;
};

// Of the changes below previous.end().
std::vector<EventPtr> MakeEvents(Rows changes, const SupersededPairs& previous) {
  std::vector<EventPtr> events;
  events.reserve(changes.size());
  for (KeyValuePtr& change : changes) {
    if (change->mod_revision >= previous.end()) break;
    const auto type = IsTombstone(*change) ? Event::Type::kDelete : Event::Type::kPut;
    KeyValuePtr before = previous.Before(*change);
    events.push_back(
        std::make_shared<const Event>(Event{type, std::move(change), std::move(before)}));
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
  if (read.rows.empty()) return page;
  SupersededPairs previous(read.rows.front()->mod_revision);
  if (query.with_previous) KUBASE_TRY(previous.Read(connection, read.rows));
  page.revision = std::min(page.revision, previous.end() - 1);
  page.events = MakeEvents(std::move(read.rows), previous);
  return page;
}

}  // namespace kubase::store
