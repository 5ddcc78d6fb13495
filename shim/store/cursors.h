// Range streams and snapshots: long reads in parts, pinned to a revision instead of to a database
// transaction, so that they hold nothing in the database between parts. A stream of which a
// compaction has passed the revision ends with kCompacted, as in etcd; a snapshot keeps its rows.
#pragma once

#include <functional>
#include <memory>

#include "shim/store/compaction_holds.h"
#include "shim/store/pairs.h"
#include "shim/store/published_revision.h"
#include "shim/store/reader_pool.h"
#include "shim/store/store.h"

namespace kubase::store {

// All references must outlive the cursor's last call; `memory` has counts.
std::shared_ptr<RangeCursor> MakeRangeCursor(ReaderPool& readers, PublishedRevision& published,
                                             ReadMemory memory, RangeRequest request);

// kubase's own snapshot format, version 1. All numbers are little endian.
//   "KUBASE-SNAPSHOT 1\n"
//   'M' revision i64, cluster id i64
//   'L' lease id i64, ttl i64                                         for each lease
//   'A' alarm i64                                                     for each that is raised
//   'K' key size u32, key, create, mod, version, lease i64, sub i64, value size u32, value
//                                                                      for each pair, in key order
//   'D' key size u32, key, sub i64           for each deletion at that revision: it can be watched
//   'E' number of pairs i64
// etcd's Snapshot service appends a SHA-256 of the bytes; that is the wire's part.
// `is_leader`: whether this process alone can have written until now, so that nobody else removes
// what `holds` keep.
std::shared_ptr<ByteCursor> MakeSnapshotCursor(ReaderPool& readers, PublishedRevision& published,
                                               CompactionHolds& holds,
                                               std::function<bool()> is_leader);

}  // namespace kubase::store
