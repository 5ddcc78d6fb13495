// Reading key-value pairs over one SQL connection: the rules of a range read, shared by readers and
// by the writer's transactions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/count_cache.h"
#include "shim/store/published_revision.h"
#include "shim/store/types.h"

namespace kubase::store {

class PairCache;

// The row of `meta` that a snapshot shows.
struct Meta {
  Revision revision = 0;
  Revision compact_revision = 0;  // -1: never compacted
  int64_t cluster_id = 0;
};

Result<Meta> ReadMeta(sql::Connection& connection);

// The pair whose columns (queries.h) start at `first_column`.
KeyValue ParsePair(const sql::Row& row, int first_column = 0);

// The answer to a get of one key at `revision`; `pair` is null if there is none.
RangeResponse AnswerGet(Revision revision, KeyValuePtr pair);

// The live pair of `key`; null if there is none.
Result<KeyValuePtr> ReadPair(sql::Connection& connection, const std::string& key);

// kFutureRevision or kCompacted when `revision` (<= 0: the latest) cannot be read at `meta`.
Result<void> CheckReadable(Revision revision, const Meta& meta);

// What spares reading, and learns from it; null: nothing. Both must outlive the call.
struct ReadMemory {
  CountCache* counts = nullptr;
  PairCache* pairs = nullptr;
};

// Answers `request` from the snapshot of the connection's transaction, of which `meta` is the row.
// `memory`: only for a snapshot of what is committed and published. Errors: kFutureRevision,
// kCompacted, and those of the database.
Result<RangeResponse> ReadRange(sql::Connection& connection, const Meta& meta,
                                const RangeRequest& request, ReadMemory memory = {});

// Keys of `range` at `revision`, in a snapshot whose newest revision is meta.revision.
Result<int64_t> CountRange(sql::Connection& connection, const Meta& meta, const KeyRange& range,
                           Revision revision, CountCache* counts = nullptr);

// Calls `sink` with the pairs of `range` as of `revision` in key order, at most `limit` (< 0: all),
// until it returns false.
Result<void> ScanRange(sql::Connection& connection, const Meta& meta, const KeyRange& range,
                       Revision revision, int64_t limit, bool keys_only,
                       const std::function<bool(KeyValuePtr)>& sink);

// As ScanRange of the newest revision, but for the pairs.
Result<void> ListKeys(sql::Connection& connection, const KeyRange& range, int64_t limit,
                      const std::function<bool(std::string_view key)>& sink);

// The range of all keys after `key` up to the end of `range`.
KeyRange After(const KeyRange& range, const std::string& key);

// A read transaction for a scope.
class ReadSnapshot {
 public:
  // Returns when what the snapshot shows is published. Errors: kUnavailable, those of the database.
  static Result<ReadSnapshot> Begin(sql::Connection& connection, PublishedRevision& published);
  ReadSnapshot(ReadSnapshot&& other) noexcept;
  ReadSnapshot& operator=(ReadSnapshot&&) = delete;
  ~ReadSnapshot();

  const Meta& meta() const { return meta_; }

 private:
  explicit ReadSnapshot(sql::Connection& connection) : connection_(&connection) {}
  sql::Connection* connection_;  // null after a move
  Meta meta_;
};

}  // namespace kubase::store
