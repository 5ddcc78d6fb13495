// Reads the snapshot as a stream of records and writes them in groups.
#include "shim/store/restore.h"

#include <fmt/format.h>

#include <bit>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shim/base/limits.h"
#include "shim/store/pairs.h"

namespace kubase::store {
namespace {

using sql::Query;
using sql::Value;

static_assert(std::endian::native == std::endian::little, "the snapshot format is little endian");

constexpr char kMagic[] = "KUBASE-SNAPSHOT 1\n";
// Far above what a request can bring in; a larger size is damage.
constexpr uint32_t kBytesMax = 64 << 20;

class SnapshotReader {
 public:
  explicit SnapshotReader(std::istream& stream) : stream_(stream) {}

  bool ok() const { return ok_; }
  Error Damaged() const {
    return {ErrorCode::kCorrupt,
            fmt::format("the snapshot is damaged or cut off before byte {}; take another one",
                        position_)};
  }
  bool ReadMagic() { return Raw(sizeof(kMagic) - 1) == kMagic; }
  char Tag() {
    const std::string tag = Raw(1);
    return ok_ ? tag[0] : '\0';
  }
  int64_t Number() {
    int64_t number = 0;
    ReadInto(&number, sizeof(number));
    return number;
  }
  std::string Bytes() {
    uint32_t size = 0;
    ReadInto(&size, sizeof(size));
    ok_ = ok_ && size <= kBytesMax;
    return ok_ ? Raw(size) : "";
  }

 private:
  std::string Raw(size_t size) {
    std::string bytes(size, '\0');
    ReadInto(bytes.data(), size);
    return bytes;
  }
  void ReadInto(void* to, size_t size) {
    if (!ok_) return;
    stream_.read(static_cast<char*>(to), static_cast<std::streamsize>(size));
    position_ += stream_.gcount();
    ok_ = stream_.gcount() == static_cast<std::streamsize>(size);
  }

  std::istream& stream_;
  int64_t position_ = 0;
  bool ok_ = true;
};

KeyValue ReadSnapshotPair(SnapshotReader& reader) {
  KeyValue kv;
  kv.key = reader.Bytes();
  kv.create_revision = reader.Number();
  kv.mod_revision = reader.Number();
  kv.version = reader.Number();
  kv.lease = reader.Number();
  kv.sub = static_cast<decltype(kv.sub)>(reader.Number());
  kv.value = reader.Bytes();
  return kv;
}

constexpr Revision kFirstRevision = 1;  // of an empty store

Result<void> RefuseUnlessEmpty(sql::Connection& connection) {
  KUBASE_ASSIGN_OR_RETURN(const Meta meta, ReadMeta(connection));
  if (meta.revision == kFirstRevision) return Ok();
  return Error{ErrorCode::kAlreadyExists,
               fmt::format("the database is not empty (revision {}); restore into a new one",
                           meta.revision)};
}

class Restore {
 public:
  Restore(std::istream& snapshot, sql::Connection& connection)
      : reader_(snapshot), connection_(connection) {}

  Result<RestoreSummary> Run(Revision bump) {
    KUBASE_TRY(RefuseUnlessEmpty(connection_));
    if (!reader_.ReadMagic() || reader_.Tag() != 'M') {
      return Error{ErrorCode::kCorrupt, "the file is not a snapshot of kubase"};
    }
    const Revision revision = reader_.Number();
    reader_.Number();  // the cluster id: the restored store is a cluster of its own
    KUBASE_TRY(ReadRecords(revision));
    summary_.revision = revision + bump;
    const Value meta[] = {summary_.revision, summary_.revision > 1 ? summary_.revision : -1,
                          kFirstRevision};
    KUBASE_TRY(connection_.Execute(Query::kWriteMeta, meta));
    return summary_;
  }

 private:
  Result<void> ReadRecords(Revision revision) {
    for (;;) {
      const char tag = reader_.Tag();
      if (tag == 'E') break;
      if (tag == 'K') {
        pairs_.push_back(ReadSnapshotPair(reader_));
        bytes_ += pairs_.back().value.size();
        KUBASE_TRY(RestoreChange(pairs_.back(), revision));
      } else if (tag == 'L') {
        KUBASE_TRY(RestoreLease());
      } else if (tag == 'A') {
        KUBASE_TRY(RestoreAlarm());
      } else if (tag == 'D') {
        KUBASE_TRY(RestoreDeletion(revision));
      } else {
        return reader_.Damaged();
      }
      if (!reader_.ok()) return reader_.Damaged();
      if (bytes_ >= limits::kSnapshotPartBytes) KUBASE_TRY(WritePairs());
    }
    KUBASE_TRY(WritePairs());
    const int64_t pairs = reader_.Number();
    if (!reader_.ok() || pairs != summary_.pairs) return reader_.Damaged();
    return Ok();
  }

  // What the newest revision put can be watched from there, and is all of the log.
  Result<void> RestoreChange(const KeyValue& kv, Revision revision) {
    if (!reader_.ok() || kv.mod_revision > revision) return reader_.Damaged();
    if (kv.mod_revision < revision) return Ok();
    const Value row[] = {revision, kv.sub, int64_t{0}, kv.key};
    KUBASE_TRY(connection_.Execute(Query::kAddChange, row));
    return Ok();
  }

  Result<void> RestoreLease() {
    const Value row[] = {reader_.Number(), reader_.Number()};
    if (!reader_.ok()) return reader_.Damaged();
    KUBASE_TRY(connection_.Execute(Query::kPutLease, row));
    ++summary_.leases;
    return Ok();
  }

  Result<void> RestoreAlarm() {
    const Value row[] = {reader_.Number()};
    if (!reader_.ok()) return reader_.Damaged();
    KUBASE_TRY(connection_.Execute(Query::kPutAlarm, row));
    return Ok();
  }

  Result<void> RestoreDeletion(Revision revision) {
    const std::string key = reader_.Bytes();
    const int64_t sub = reader_.Number();
    if (!reader_.ok()) return reader_.Damaged();
    const Value row[] = {revision, sub, int64_t{1}, key};
    KUBASE_TRY(connection_.Execute(Query::kAddChange, row));
    return Ok();
  }

  Result<void> WritePairs() {
    std::vector<Value> rows;
    rows.reserve(pairs_.size() * 8);
    for (const KeyValue& kv : pairs_) {
      rows.insert(rows.end(), {++summary_.pairs, kv.key, kv.value, kv.create_revision,
                               kv.mod_revision, kv.version, kv.lease, kv.sub});
    }
    if (!rows.empty()) KUBASE_TRY(connection_.ExecuteMany(Query::kInsertObject, rows, 8));
    pairs_.clear();
    unsent_bytes_ += std::exchange(bytes_, 0);
    if (unsent_bytes_ < limits::kRestoreUnsentBytesMax) return Ok();
    // What is written may wait in memory until something is read.
    unsent_bytes_ = 0;
    KUBASE_TRY(ReadMeta(connection_));
    return Ok();
  }

  SnapshotReader reader_;
  sql::Connection& connection_;
  RestoreSummary summary_;
  std::vector<KeyValue> pairs_;  // read, not written yet
  size_t bytes_ = 0;             // of their values
  size_t unsent_bytes_ = 0;      // of values that were written, at most
};

}  // namespace

Result<RestoreSummary> RestoreSnapshot(std::istream& snapshot, Revision bump,
                                       sql::Connection& connection) {
  KUBASE_TRY(RefuseUnlessEmpty(connection));
  KUBASE_TRY(connection.Begin(sql::Access::kWrite));
  Result<RestoreSummary> restored = Restore(snapshot, connection).Run(bump);
  if (restored.ok()) {
    if (Result<void> committed = connection.Commit(); !committed.ok()) restored = committed.error();
  }
  if (!restored.ok()) connection.Rollback();
  return restored;
}

}  // namespace kubase::store
