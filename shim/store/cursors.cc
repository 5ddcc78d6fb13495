// Each part is one short read transaction at the pinned revision.
#include "shim/store/cursors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "shim/base/failpoint.h"
#include "shim/base/limits.h"
#include "shim/store/matching_scan.h"
#include "shim/store/pairs.h"
#include "shim/store/part_rows.h"
#include "shim/store/remembered_scan.h"

namespace kubase::store {
namespace {

static_assert(std::endian::native == std::endian::little, "the snapshot format is little endian");

class SqlRangeCursor final : public RangeCursor,
                             public std::enable_shared_from_this<SqlRangeCursor> {
 public:
  SqlRangeCursor(ReaderPool& readers, PublishedRevision& published, ReadMemory memory,
                 RangeRequest request)
      : readers_(readers),
        published_(published),
        memory_(memory),
        request_(std::move(request)),
        rest_(request_.range) {}

  void Next(Callback<RangeChunk> done) override {
    const bool posted =
        readers_.Post([self = shared_from_this(), done](sql::Connection& connection) {
          if (self->request_.IsAbandoned()) return done(kAbandonedRead);
          done(self->ReadChunk(connection));
        });
    if (!posted) done(kTooManyReads);
  }

 private:
  Result<RangeChunk> ReadChunk(sql::Connection& connection) {
    KUBASE_ASSIGN_OR_RETURN(const ReadSnapshot snapshot,
                            ReadSnapshot::Begin(connection, published_));
    KUBASE_TRY(CheckReadable(pinned_ > 0 ? pinned_ : request_.revision, snapshot.meta()));
    if (pinned_ == 0) {
      header_revision_ = snapshot.meta().revision;
      pinned_ = request_.revision > 0 ? request_.revision : header_revision_;
    }
    if (request_.count_only) return CountAll(connection, snapshot.meta());
    KUBASE_ASSIGN_OR_RETURN(RangeChunk chunk, Scan(connection, snapshot.meta()));
    if (chunk.last) KUBASE_TRY(Finish(connection, snapshot.meta(), chunk));
    return chunk;
  }

  Result<RangeChunk> CountAll(sql::Connection& connection, const Meta& meta) {
    RangeChunk chunk{.last = true, .revision = header_revision_};
    if (request_.selector == nullptr) {
      KUBASE_ASSIGN_OR_RETURN(
          chunk.count, CountRange(connection, meta, request_.range, pinned_, memory_.counts));
      return chunk;
    }
    KUBASE_TRY(ScanRest(connection, meta, -1, true, [&](const KeyValuePtr&) {
      ++chunk.count;
      return true;
    }));
    return chunk;
  }

  // What is selected of the rest of the range.
  Result<void> ScanRest(sql::Connection& connection, const Meta& meta, int64_t limit,
                        bool keys_only, const std::function<bool(KeyValuePtr)>& sink) {
    if (request_.selector != nullptr) {
      return ScanMatching(connection, meta, *request_.selector, rest_, pinned_, limit, keys_only,
                          sink);
    }
    return ScanRemembered(connection, meta, rest_, pinned_, limit, keys_only, memory_.pairs, sink);
  }

  // Pairs until about the byte target, the limit or the end; `last` at the latter two.
  Result<RangeChunk> Scan(sql::Connection& connection, const Meta& meta) {
    RangeChunk chunk;
    size_t bytes = 0;
    int64_t rows = part_.rows();
    if (request_.limit > 0) rows = std::min(rows, request_.limit - sent_);
    KUBASE_TRY(ScanRest(connection, meta, rows, request_.keys_only, [&](KeyValuePtr kv) {
      bytes += kv->key.size() + kv->value.size();
      chunk.kvs.push_back(std::move(kv));
      return bytes < limits::kRangeChunkBytesTarget;
    }));
    const auto got = static_cast<int64_t>(chunk.kvs.size());
    part_.Learn(got, bytes);
    chunk.last = got < rows && bytes < limits::kRangeChunkBytesTarget;
    sent_ += got;
    const bool limit_reached = request_.limit > 0 && sent_ >= request_.limit;
    chunk.last = chunk.last || limit_reached || rest_.IsSingle();
    if (!chunk.kvs.empty() && !rest_.IsSingle()) rest_ = After(rest_, chunk.kvs.back()->key);
    return chunk;
  }

  Result<void> Finish(sql::Connection& connection, const Meta& meta, RangeChunk& chunk) {
    chunk.revision = header_revision_;
    chunk.count = sent_;
    const bool cut = request_.limit > 0 && sent_ >= request_.limit && !rest_.IsSingle();
    if (cut && request_.selector != nullptr) {
      KUBASE_TRY(ScanRest(connection, meta, 1, true, [&](const KeyValuePtr&) {
        chunk.more = true;
        return false;
      }));
      chunk.count += chunk.more ? 1 : 0;
    } else if (cut) {
      KUBASE_ASSIGN_OR_RETURN(
          chunk.count, CountRange(connection, meta, request_.range, pinned_, memory_.counts));
      chunk.more = chunk.count > sent_;
      memory_.counts->LearnPage(rest_, pinned_, chunk.count - sent_);
    }
    return Ok();
  }

  ReaderPool& readers_;
  PublishedRevision& published_;
  const ReadMemory memory_;
  const RangeRequest request_;
  KeyRange rest_;
  Revision pinned_ = 0;  // 0: nothing was read yet
  Revision header_revision_ = 0;
  int64_t sent_ = 0;
  PartRows part_{limits::kRangeChunkBytesTarget};
};

class SnapshotWriter {
 public:
  void Header(const Meta& meta) {
    bytes_ += "KUBASE-SNAPSHOT 1\nM";
    Number(meta.revision);
    Number(meta.cluster_id);
  }
  void Lease(LeaseId id, int64_t ttl_seconds) {
    bytes_ += 'L';
    Number(id);
    Number(ttl_seconds);
  }
  void Alarm(int64_t alarm) {
    bytes_ += 'A';
    Number(alarm);
  }
  void Pair(const KeyValue& kv) {
    bytes_ += 'K';
    Bytes(kv.key);
    for (const int64_t number :
         {kv.create_revision, kv.mod_revision, kv.version, kv.lease, kv.sub}) {
      Number(number);
    }
    Bytes(kv.value);
  }
  void Deletion(const KeyValue& tombstone) {
    bytes_ += 'D';
    Bytes(tombstone.key);
    Number(tombstone.sub);
  }
  void End(int64_t pairs) {
    bytes_ += 'E';
    Number(pairs);
  }
  size_t size() const { return bytes_.size(); }
  std::string Take() { return std::exchange(bytes_, {}); }

 private:
  void Number(int64_t number) { Raw(&number, sizeof(number)); }
  void Bytes(const std::string& text) {
    const auto size = static_cast<uint32_t>(text.size());
    Raw(&size, sizeof(size));
    bytes_ += text;
  }
  void Raw(const void* data, size_t size) { bytes_.append(static_cast<const char*>(data), size); }

  std::string bytes_;
};

class SqlSnapshotCursor final : public ByteCursor,
                                public std::enable_shared_from_this<SqlSnapshotCursor> {
 public:
  SqlSnapshotCursor(ReaderPool& readers, PublishedRevision& published, CompactionHolds& holds,
                    std::function<bool()> is_leader)
      : readers_(readers),
        published_(published),
        hold_(holds.Take(published.get())),
        is_leader_(std::move(is_leader)) {}

  void Next(Callback<std::string> done) override {
    const bool posted =
        readers_.Post([self = shared_from_this(), done](sql::Connection& connection) {
          done(self->ReadPart(connection));
        });
    if (!posted) done(kTooManyReads);
  }

 private:
  Result<std::string> ReadPart(sql::Connection& connection) {
    if (finished_) return std::string();
    KUBASE_ASSIGN_OR_RETURN(const ReadSnapshot snapshot,
                            ReadSnapshot::Begin(connection, published_));
    Reach(Failpoint::kSnapshotPage);
    SnapshotWriter part;
    if (pinned_ == 0) {
      pinned_ = snapshot.meta().revision;
      part.Header(snapshot.meta());
      KUBASE_TRY(connection.Select(sql::Query::kListLeases, {}, [&](const sql::Row& row) {
        part.Lease(row.Int(0), row.Int(1));
        return true;
      }));
      KUBASE_TRY(connection.Select(sql::Query::kListAlarms, {}, [&](const sql::Row& row) {
        part.Alarm(row.Int(0));
        return true;
      }));
    }
    KUBASE_TRY(CheckKept(snapshot.meta()));
    KUBASE_TRY(AddPairs(connection, snapshot.meta(), part));
    if (finished_) {
      KUBASE_TRY(AddDeletions(connection, part));
      part.End(pairs_);
    }
    return part.Take();
  }

  // Whether the snapshot that has begun, of which `meta` is the row, has the rows of the revision.
  Result<void> CheckKept(const Meta& meta) {
    const bool held = hold_->Renew() && is_leader_();
    return CheckReadable(held ? std::max(pinned_, meta.compact_revision) : pinned_, meta);
  }

  // Until the part is full, or the pairs are finished.
  Result<void> AddPairs(sql::Connection& connection, const Meta& meta, SnapshotWriter& part) {
    const int64_t rows = rows_.rows();
    int64_t got = 0;
    KUBASE_TRY(ScanRange(connection, meta, rest_, pinned_, rows, false, [&](KeyValuePtr kv) {
      part.Pair(*kv);
      ++got;
      rest_.key = kv->key + '\0';
      return part.size() < limits::kSnapshotPartBytes;
    }));
    pairs_ += got;
    rows_.Learn(got, part.size());
    finished_ = got < rows && part.size() < limits::kSnapshotPartBytes;
    return Ok();
  }

  Result<void> AddDeletions(sql::Connection& connection, SnapshotWriter& part) {
    const sql::Value params[] = {pinned_, pinned_, int64_t{-1}};
    return connection.Select(sql::Query::kChanges, params, [&](const sql::Row& row) {
      if (const KeyValue change = ParsePair(row); change.version == 0) part.Deletion(change);
      return true;
    });
  }

  ReaderPool& readers_;
  PublishedRevision& published_;
  const std::unique_ptr<CompactionHolds::Hold> hold_;
  const std::function<bool()> is_leader_;
  KeyRange rest_{"", std::string(1, '\0')};
  Revision pinned_ = 0;  // 0: nothing was read yet
  int64_t pairs_ = 0;
  bool finished_ = false;
  PartRows rows_{limits::kSnapshotPartBytes};
};

}  // namespace

std::shared_ptr<RangeCursor> MakeRangeCursor(ReaderPool& readers, PublishedRevision& published,
                                             ReadMemory memory, RangeRequest request) {
  return std::make_shared<SqlRangeCursor>(readers, published, memory, std::move(request));
}

std::shared_ptr<ByteCursor> MakeSnapshotCursor(ReaderPool& readers, PublishedRevision& published,
                                               CompactionHolds& holds,
                                               std::function<bool()> is_leader) {
  return std::make_shared<SqlSnapshotCursor>(readers, published, holds, std::move(is_leader));
}

}  // namespace kubase::store
