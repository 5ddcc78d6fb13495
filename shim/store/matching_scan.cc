// A search is driven by the entries of one required attribute, in the order of the keys; the other
// requirements are looked up for each. With several to choose from, the range is cut into parts:
// the attribute whose next entries reach farthest is the rarest there and drives the part. Parts
// grow, so that what a choice costs is small beside the search, whatever the selector and the data.
#include "shim/store/matching_scan.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "shim/select/object_reader.h"
#include "shim/store/match_plan.h"

namespace kubase::store {
namespace {

using sql::Query;
using sql::Value;

// Entries of an attribute that decide how far a part reaches.
constexpr int64_t kPartEntriesMin = 64;
constexpr int64_t kPartEntriesMax = 16'384;

class MatchingScan {
 public:
  MatchingScan(sql::Connection& connection, const Meta& meta, const MatchPlan& plan,
               Revision revision, int64_t limit, bool keys_only,
               const std::function<bool(KeyValuePtr)>& sink)
      : connection_(connection),
        plan_(plan),
        meta_(meta),
        revision_(revision),
        left_(limit),
        keys_only_(keys_only),
        sink_(sink) {}

  Result<void> Run() {
    if (left_ == 0 || plan_.range.IsEmpty()) return Ok();
    if (plan_.object_name) return SearchNamespaces();
    if (!plan_.UsesIndex()) return SearchRange(plan_.range);
    if (plan_.required.empty()) return SearchPart(nullptr, plan_.range.key, plan_.range.range_end);
    from_ = ObjectName(plan_.range.key, plan_.prefix);
    // The end of the kind's keys is the end of its entries.
    if (plan_.range.range_end.starts_with(plan_.prefix)) {
      to_ = ObjectName(plan_.range.range_end, plan_.prefix);
    }
    if (plan_.required.size() == 1) return SearchPart(&plan_.required.front(), from_, to_);
    return SearchInParts();
  }

 private:
  bool DecidedByIndex() const { return plan_.rest.empty(); }

  // True: go on.
  bool Take(KeyValuePtr pair) {
    if (!DecidedByIndex()) {
      if (!Matches(*pair)) return true;
      if (keys_only_) pair = WithoutValue(*pair);
    }
    if (left_ > 0) --left_;
    stopped_ = !sink_(std::move(pair)) || left_ == 0;
    return !stopped_;
  }

  bool Matches(const KeyValue& pair) {
    if (!plan_.prefix.empty()) {
      return select::Matches(
          plan_.rest,
          select::ReadAttributes(*plan_.fields, ObjectName(pair.key, plan_.prefix), pair.value));
    }
    const Kind kind = KindOfKey(pair.key);
    const std::string_view name = kind.IsOther() ? pair.key : ObjectName(pair.key, kind.range.key);
    const select::FieldTablePtr fields = select::BuiltInFields(kind.name);
    return select::Matches(plan_.rest, select::ReadAttributes(*fields, name, pair.value));
  }

  static KeyValuePtr WithoutValue(const KeyValue& pair) {
    KeyValue bare = pair;
    bare.value.clear();
    bare.lease = 0;
    return std::make_shared<const KeyValue>(std::move(bare));
  }

  // Calls `search` with a number of rows, which gives how many there were, until it was all. Where
  // objects are read to decide about them, nobody knows how many are enough, and a server sends all
  // that it is asked for.
  Result<void> InPages(const std::function<Result<int64_t>(int64_t rows)>& search) {
    if (DecidedByIndex()) {
      KUBASE_TRY(search(left_));
      return Ok();
    }
    const int64_t wanted = left_;
    int64_t read = 0;
    for (int64_t rows = kPartEntriesMin; !stopped_;) {
      KUBASE_ASSIGN_OR_RETURN(const int64_t got, search(rows));
      if (got < rows) break;
      read += got;
      int64_t enough = kPartEntriesMax;  // if as many match of the rest
      if (wanted > 0 && wanted < kPartEntriesMax) {
        enough = left_ * (read / std::max<int64_t>(wanted - left_, 1) + 1);
      }
      rows = std::clamp(std::min(rows * 4, enough), kPartEntriesMin, kPartEntriesMax);
    }
    return Ok();
  }

  Result<void> SearchRange(const KeyRange& range) {
    KeyRange rest = range;
    return InPages([&](int64_t rows) -> Result<int64_t> {
      int64_t got = 0;
      std::string last;
      KUBASE_TRY(ScanRange(connection_, meta_, rest, revision_, rows,
                           keys_only_ && DecidedByIndex(), [&](KeyValuePtr pair) {
                             ++got;
                             last = pair->key;
                             return Take(std::move(pair));
                           }));
      if (got > 0 && !rest.IsSingle()) rest = After(rest, last);
      return got;
    });
  }

  // From namespace to namespace, with a look for the one name in each.
  Result<void> SearchNamespaces() {
    for (KeyRange rest = plan_.range; !stopped_;) {
      KUBASE_ASSIGN_OR_RETURN(const std::string first, FirstKey(rest));
      if (first.empty()) return Ok();
      const size_t slash = first.find('/', plan_.prefix.size());
      if (slash == std::string::npos) return SearchRange(rest);  // objects without namespaces
      std::string next = first.substr(0, slash + 1);
      const std::string key = next + *plan_.object_name;
      if (plan_.range.Contains(key)) KUBASE_TRY(SearchRange({key, ""}));
      ++next.back();
      rest.key = std::move(next);
      if (rest.IsEmpty()) return Ok();
    }
    return Ok();
  }

  // Empty: there is none.
  Result<std::string> FirstKey(const KeyRange& range) {
    std::string key;
    KUBASE_TRY(ScanRange(connection_, meta_, range, revision_, 1, true, [&](const KeyValuePtr& kv) {
      key = kv->key;
      return false;
    }));
    return key;
  }

  Result<void> SearchInParts() {
    for (int64_t entries = kPartEntriesMin; !stopped_; entries *= 4) {
      const IndexCondition* driver = nullptr;
      std::string end;
      for (const IndexCondition& candidate : plan_.required) {
        KUBASE_ASSIGN_OR_RETURN(const std::string reach, EndOf(candidate, entries));
        if (driver == nullptr || IsFarther(reach, end)) {
          driver = &candidate;
          end = reach;
        }
      }
      KUBASE_TRY(SearchPart(driver, from_, end));
      if (end == to_) return Ok();
      // One object can have any number of entries that ended.
      if (end != from_) entries = std::min(entries, kPartEntriesMax / 4);
      from_ = end;
    }
    return Ok();
  }

  // Ends of parts: empty is the end of the kind.
  static bool IsFarther(const std::string& a, const std::string& b) {
    return !b.empty() && (a.empty() || a > b);
  }

  // Where so many entries of a condition end, at most to_.
  Result<std::string> EndOf(const IndexCondition& condition, int64_t entries) {
    std::string end = to_;
    const auto each = std::max<int64_t>(entries / static_cast<int64_t>(condition.values.size()), 1);
    for (const std::string& value : condition.values) {
      const Value params[] = {condition.name, value, from_, each};
      KUBASE_TRY(connection_.Select(Query::kSkipAttributes, params, [&](const sql::Row& row) {
        const std::string reached(row.Bytes(0));
        if (IsFarther(end, reached)) end = reached;
        return false;
      }));
    }
    return end;
  }

  // Without a driver `from` and `to` are keys, else names of objects; `to` may be empty then.
  Result<void> SearchPart(const IndexCondition* driver, const std::string& from,
                          const std::string& to) {
    std::string next = from;
    return InPages([&](int64_t rows) -> Result<int64_t> {
      int64_t got = 0;
      std::string last;
      KUBASE_TRY(SearchPage(driver, next, to, rows, [&](KeyValuePtr pair) {
        ++got;
        last = pair->key;
        return Take(std::move(pair));
      }));
      if (driver != nullptr) last.erase(0, plan_.prefix.size());  // the name alone
      if (got > 0) next = last + '\0';
      return got;
    });
  }

  Result<void> SearchPage(const IndexCondition* driver, const std::string& from,
                          const std::string& to, int64_t rows,
                          const std::function<bool(KeyValuePtr)>& take) {
    const bool past = revision_ != meta_.revision;
    sql::MatchShape shape{.driver_values = 0,
                          .required = {},
                          .excluded = {},
                          .unreadable = driver != nullptr && plan_.unreadable.has_value(),
                          .at_revision = past,
                          .bounded = !to.empty(),
                          .keys_only = keys_only_ && DecidedByIndex()};
    std::vector<Value> params = {plan_.prefix, from};
    if (shape.bounded) params.emplace_back(to);
    if (past) params.emplace_back(revision_);
    if (shape.unreadable) params.emplace_back(*plan_.unreadable);
    if (driver != nullptr) shape.driver_values = Add(*driver, params);
    for (const IndexCondition& condition : plan_.required) {
      if (&condition != driver) shape.required.push_back(Add(condition, params));
    }
    for (const IndexCondition& condition : plan_.excluded) {
      shape.excluded.push_back(Add(condition, params));
    }
    params.emplace_back(rows);
    return connection_.SelectMatching(shape, params, [&](const sql::Row& row) {
      return take(std::make_shared<const KeyValue>(ParsePair(row)));
    });
  }

  static int Add(const IndexCondition& condition, std::vector<Value>& params) {
    params.emplace_back(condition.name);
    for (const std::string& value : condition.values) params.emplace_back(value);
    return static_cast<int>(condition.values.size());
  }

  sql::Connection& connection_;
  const MatchPlan& plan_;
  const Meta& meta_;
  const Revision revision_;
  int64_t left_;  // < 0: no limit
  const bool keys_only_;
  const std::function<bool(KeyValuePtr)>& sink_;
  std::string from_, to_;  // names of objects
  bool stopped_ = false;
};

}  // namespace

Result<void> ScanMatching(sql::Connection& connection, const Meta& meta,
                          const select::Selector& selector, const KeyRange& range,
                          Revision revision, int64_t limit, bool keys_only,
                          const std::function<bool(KeyValuePtr)>& sink) {
  KUBASE_ASSIGN_OR_RETURN(const MatchPlan plan, PlanMatch(connection, selector, range, revision));
  return MatchingScan(connection, meta, plan, revision, limit, keys_only, sink).Run();
}

}  // namespace kubase::store
