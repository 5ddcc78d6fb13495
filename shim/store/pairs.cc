// Range reads: the present from `objects` alone, the past merged with `history`.
#include "shim/store/pairs.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "shim/store/matching_scan.h"
#include "shim/store/remembered_scan.h"

namespace kubase::store {
namespace {

using sql::Query;
using sql::Row;
using sql::Value;

// The statement for an upper bound: X or XUnbounded, which follows it in the list.
Query ForBound(Query bounded, const KeyRange& range) {
  return range.IsUnbounded() ? static_cast<Query>(static_cast<int>(bounded) + 1) : bounded;
}

std::vector<Value> RangeParams(const KeyRange& range) {
  std::vector<Value> params = {range.key};
  if (!range.IsUnbounded()) params.emplace_back(range.range_end);
  return params;
}

bool WithinBounds(const RangeRequest& request, const KeyValue& kv) {
  const auto within = [](Revision value, Revision min, Revision max) {
    return (min == 0 || value >= min) && (max == 0 || value <= max);
  };
  return within(kv.mod_revision, request.min_mod_revision, request.max_mod_revision) &&
         within(kv.create_revision, request.min_create_revision, request.max_create_revision);
}

bool TargetLess(SortTarget target, const KeyValue& a, const KeyValue& b) {
  switch (target) {
    case SortTarget::kKey:
      return a.key < b.key;
    case SortTarget::kVersion:
      return a.version < b.version;
    case SortTarget::kCreate:
      return a.create_revision < b.create_revision;
    case SortTarget::kMod:
      return a.mod_revision < b.mod_revision;
    case SortTarget::kValue:
      return a.value < b.value;
  }
  return false;
}

// etcd sorts ascending when a target other than the key is named without an order, but only after
// it cut the range to one pair more than the limit (etcdserver/txn/range.go, rangeLimit).
void Sort(const RangeRequest& request, std::vector<KeyValuePtr>& kvs) {
  if (request.sort_order == SortOrder::kNone && request.sort_target == SortTarget::kKey) return;
  const bool descend = request.sort_order == SortOrder::kDescend;
  std::stable_sort(kvs.begin(), kvs.end(), [&](const KeyValuePtr& a, const KeyValuePtr& b) {
    return descend ? TargetLess(request.sort_target, *b, *a)
                   : TargetLess(request.sort_target, *a, *b);
  });
}

// Of a range of keys only etcd tells neither value nor lease; it had to read the whole pair to sort
// by value, and then tells the lease (etcdserver/txn/range.go, FastKeysOnly).
void DropValues(SortTarget sorted_by, std::vector<KeyValuePtr>& kvs) {
  for (KeyValuePtr& kv : kvs) {
    KeyValue bare = *kv;
    bare.value.clear();
    if (sorted_by != SortTarget::kValue) bare.lease = 0;
    kv = std::make_shared<const KeyValue>(std::move(bare));
  }
}

// As ScanRange, of what the request selects.
Result<void> ScanSelected(sql::Connection& connection, const Meta& meta,
                          const RangeRequest& request, Revision revision, int64_t limit,
                          bool keys_only, PairCache* pairs,
                          const std::function<bool(KeyValuePtr)>& sink) {
  if (request.selector != nullptr) {
    return ScanMatching(connection, meta, *request.selector, request.range, revision, limit,
                        keys_only, sink);
  }
  return ScanRemembered(connection, meta, request.range, revision, limit, keys_only, pairs, sink);
}

// Sorting by value needs the values even when only keys are wanted.
Result<RangeResponse> ReadWholeRange(sql::Connection& connection, const Meta& meta,
                                     const RangeRequest& request, Revision revision,
                                     PairCache* pairs) {
  RangeResponse response;
  KUBASE_TRY(
      ScanSelected(connection, meta, request, revision, -1, false, pairs, [&](KeyValuePtr kv) {
        ++response.count;
        if (WithinBounds(request, *kv)) response.kvs.push_back(std::move(kv));
        return true;
      }));
  Sort(request, response.kvs);
  if (request.limit > 0 && static_cast<int64_t>(response.kvs.size()) > request.limit) {
    response.kvs.resize(request.limit);
    response.more = true;
  }
  if (request.keys_only) DropValues(request.sort_target, response.kvs);
  return response;
}

Result<int64_t> CountSelected(sql::Connection& connection, const Meta& meta,
                              const RangeRequest& request, Revision revision, CountCache* counts) {
  if (request.selector == nullptr) {
    return CountRange(connection, meta, request.range, revision, counts);
  }
  int64_t count = 0;
  KUBASE_TRY(
      ScanSelected(connection, meta, request, revision, -1, true, nullptr, [&](const KeyValuePtr&) {
        ++count;
        return true;
      }));
  return count;
}

Result<RangeResponse> ReadPrefixOfRange(sql::Connection& connection, const Meta& meta,
                                        const RangeRequest& request, Revision revision,
                                        ReadMemory memory) {
  RangeResponse response;
  const bool by_value = request.sort_target == SortTarget::kValue;
  const bool limited = request.limit > 0 && request.limit < std::numeric_limits<int64_t>::max();
  const int64_t limit = limited && !request.range.IsSingle() ? request.limit + 1 : -1;
  KUBASE_TRY(ScanSelected(connection, meta, request, revision, limit,
                          request.keys_only && !by_value, memory.pairs, [&](KeyValuePtr kv) {
                            response.kvs.push_back(std::move(kv));
                            return true;
                          }));
  response.count = static_cast<int64_t>(response.kvs.size());
  response.more = response.count == limit;
  if (response.more && request.selector == nullptr) {
    KUBASE_ASSIGN_OR_RETURN(response.count,
                            CountRange(connection, meta, request.range, revision, memory.counts));
    const KeyValue& last_sent = **std::prev(response.kvs.end(), 2);
    if (memory.counts != nullptr) {
      memory.counts->LearnPage(After(request.range, last_sent.key), revision,
                               response.count - request.limit);
    }
  }
  Sort(request, response.kvs);
  if (response.more) response.kvs.pop_back();
  if (request.keys_only && by_value) DropValues(request.sort_target, response.kvs);
  return response;
}

}  // namespace

Result<Meta> ReadMeta(sql::Connection& connection) {
  Meta meta;
  bool found = false;
  KUBASE_TRY(connection.Select(Query::kReadMeta, {}, [&](const Row& row) {
    meta = {row.Int(2), row.Int(3), row.Int(1)};
    found = true;
    return false;
  }));
  if (found) return meta;
  return Error{ErrorCode::kCorrupt, "the table meta lost its row; restore a backup"};
}

KeyValue ParsePair(const Row& row, int first_column) {
  const int c = first_column;
  return {.key = std::string(row.Bytes(c)),
          .value = std::string(row.Bytes(c + 1)),
          .create_revision = row.Int(c + 2),
          .mod_revision = row.Int(c + 3),
          .version = row.Int(c + 4),
          .lease = row.Int(c + 5),
          .sub = row.Int(c + 6),
          .id = row.Int(c + 7)};
}

RangeResponse AnswerGet(Revision revision, KeyValuePtr pair) {
  RangeResponse response{.revision = revision};
  if (pair != nullptr) response.kvs.push_back(std::move(pair));
  response.count = static_cast<int64_t>(response.kvs.size());
  return response;
}

Result<KeyValuePtr> ReadPair(sql::Connection& connection, const std::string& key) {
  KeyValuePtr pair;
  const Value params[] = {key};
  KUBASE_TRY(connection.Select(Query::kGet, params, [&](const Row& row) {
    pair = std::make_shared<const KeyValue>(ParsePair(row));
    return false;
  }));
  return pair;
}

Result<void> CheckReadable(Revision revision, const Meta& meta) {
  if (revision > meta.revision) {
    return Error{ErrorCode::kFutureRevision, "the revision does not exist yet"};
  }
  if (revision > 0 && revision < meta.compact_revision) {
    return Error{ErrorCode::kCompacted, "the revision was compacted"};
  }
  return Ok();
}

Result<RangeResponse> ReadRange(sql::Connection& connection, const Meta& meta,
                                const RangeRequest& request, ReadMemory memory) {
  KUBASE_TRY(CheckReadable(request.revision, meta));
  const Revision revision = request.revision > 0 ? request.revision : meta.revision;
  Result<RangeResponse> response = [&]() -> Result<RangeResponse> {
    if (request.count_only) {
      KUBASE_ASSIGN_OR_RETURN(const int64_t count,
                              CountSelected(connection, meta, request, revision, memory.counts));
      RangeResponse only;
      only.count = count;
      return only;
    }
    return request.NeedsWholeRange()
               ? ReadWholeRange(connection, meta, request, revision, memory.pairs)
               : ReadPrefixOfRange(connection, meta, request, revision, memory);
  }();
  if (response.ok()) response->revision = meta.revision;
  return response;
}

Result<int64_t> CountRange(sql::Connection& connection, const Meta& meta, const KeyRange& range,
                           Revision revision, CountCache* counts) {
  int64_t count = 0;
  if (range.IsSingle()) {
    KUBASE_TRY(ScanRange(connection, meta, range, revision, 1, true, [&](KeyValuePtr) {
      ++count;
      return true;
    }));
    return count;
  }
  if (counts != nullptr) {
    if (const auto known = counts->Find(range, revision); known) return *known;
  }
  std::vector<Value> params = RangeParams(range);
  const bool latest = revision == meta.revision;
  if (!latest) params.emplace_back(revision);
  const Query query = ForBound(latest ? Query::kCount : Query::kCountAt, range);
  KUBASE_TRY(connection.Select(query, params, [&](const Row& row) {
    count = row.Int(0);
    return true;
  }));
  if (counts != nullptr) counts->Learn(range, revision, count);
  return count;
}

Result<void> ScanRange(sql::Connection& connection, const Meta& meta, const KeyRange& range,
                       Revision revision, int64_t limit, bool keys_only,
                       const std::function<bool(KeyValuePtr)>& sink) {
  const bool latest = revision == meta.revision;
  const sql::RowSink row_sink = [&](const Row& row) {
    KeyValue pair = ParsePair(row);
    if (keys_only) {  // also of the statements for one key, which read the whole pair
      pair.value.clear();
      pair.lease = 0;
    }
    return sink(std::make_shared<const KeyValue>(std::move(pair)));
  };
  if (range.IsSingle()) {
    std::vector<Value> params = {range.key};
    if (!latest) params.emplace_back(revision);
    return connection.Select(latest ? Query::kGet : Query::kGetAt, params, row_sink);
  }
  std::vector<Value> params = RangeParams(range);
  if (!latest) params.emplace_back(revision);
  params.emplace_back(limit);
  const Query values = latest ? Query::kList : Query::kListAt;
  const Query keys = latest ? Query::kListKeys : Query::kListKeysAt;
  return connection.Select(ForBound(keys_only ? keys : values, range), params, row_sink);
}

Result<void> ListKeys(sql::Connection& connection, const KeyRange& range, int64_t limit,
                      const std::function<bool(std::string_view key)>& sink) {
  std::vector<Value> params = RangeParams(range);
  params.emplace_back(limit);
  return connection.Select(ForBound(Query::kListBareKeys, range), params,
                           [&](const Row& row) { return sink(row.Bytes(0)); });
}

KeyRange After(const KeyRange& range, const std::string& key) {
  KUBASE_CHECK(!range.IsSingle());
  return {key + '\0', range.range_end};
}

Result<ReadSnapshot> ReadSnapshot::Begin(sql::Connection& connection,
                                         PublishedRevision& published) {
  const Revision known = published.get();
  KUBASE_TRY(connection.Begin(sql::Access::kRead));
  ReadSnapshot snapshot(connection);
  KUBASE_ASSIGN_OR_RETURN(snapshot.meta_, ReadMeta(connection));
  KUBASE_TRY(published.Reach(snapshot.meta_.revision, known));
  return snapshot;
}

ReadSnapshot::ReadSnapshot(ReadSnapshot&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), meta_(other.meta_) {}

ReadSnapshot::~ReadSnapshot() {
  if (connection_ != nullptr) connection_->Rollback();
}

}  // namespace kubase::store
