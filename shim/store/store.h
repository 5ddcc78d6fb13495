// Store: what the wire needs of an etcd. One implementation over SQL (sql_store.h); later a router
// over many.
//
// Every answer comes through a callback exactly once: from the calling thread before the call
// returns, or later from a thread of the store. A callback must not block. Requests are validated
// by the store (the etcd error codes of result.h), so that each front end behaves alike. After Stop
// every request is answered with kUnavailable.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/result.h"
#include "shim/store/deletion_effects.h"
#include "shim/store/types.h"
#include "shim/store/watch.h"

namespace kubase::store {

template <typename T>
using Callback = std::function<void(Result<T>)>;

// One part of a streamed range. Only the last one carries revision, more and count.
struct RangeChunk {
  std::vector<KeyValuePtr> kvs;
  bool last = false;
  Revision revision = 0;
  bool more = false;
  int64_t count = 0;
};

// A range read in parts from one snapshot (etcd 3.7 RangeStream). One Next at a time, never after
// the last chunk or an error. Holds no database resources between calls, so it may be abandoned.
class RangeCursor {
 public:
  virtual ~RangeCursor() = default;
  // Errors: kCompacted when the snapshot was compacted in the meantime, kUnavailable, kCancelled.
  virtual void Next(Callback<RangeChunk> done) = 0;
};

// Strictly serializable: an answer is never older than any write acknowledged before the call.
class Reader {
 public:
  virtual ~Reader() = default;
  // Errors: kCompacted, kFutureRevision, kEmptyKey, kInvalidSortOption, kUnavailable, kOverloaded,
  // kCancelled.
  virtual void Range(RangeRequest request, Callback<RangeResponse> done) = 0;
  // Errors as Range, and kUnsupported when the request NeedsWholeRange.
  // shared: the caller and the executor that is filling a chunk own the cursor.
  virtual void OpenRangeCursor(RangeRequest request,
                               Callback<std::shared_ptr<RangeCursor>> done) = 0;
};

// A write that is answered is durable; one that failed was not done, except after kOutcomeUnknown.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual void Put(PutRequest request, Callback<PutResponse> done) = 0;
  virtual void DeleteRange(DeleteRangeRequest request, Callback<DeleteRangeResponse> done) = 0;
  virtual void Txn(TxnRequest request, Callback<TxnResponse> done) = 0;
  // Forgets what was superseded at or below `revision`; answers the current revision. `physical`:
  // answer only when the rows are gone. Errors: kCompacted, kFutureRevision.
  virtual void Compact(Revision revision, bool physical, Callback<Revision> done) = 0;
};

class Leases {
 public:
  virtual ~Leases() = default;
  // id 0: the store chooses. Errors: kLeaseExists, kLeaseTtlTooLarge.
  virtual void Grant(LeaseId id, int64_t ttl_seconds, Callback<LeaseGrantResponse> done) = 0;
  // Deletes the lease and its keys in one revision. Errors: kLeaseNotFound.
  virtual void Revoke(LeaseId id, Callback<Revision> done) = 0;
  virtual void KeepAlive(LeaseId id, Callback<LeaseKeepAliveResponse> done) = 0;
  virtual void TimeToLive(LeaseId id, bool with_keys, Callback<LeaseTimeToLiveResponse> done) = 0;
  virtual void List(Callback<std::vector<LeaseId>> done) = 0;  // ascending
};

// A stream of bytes, for Snapshot. An empty part is the end.
class ByteCursor {
 public:
  virtual ~ByteCursor() = default;
  virtual void Next(Callback<std::string> done) = 0;
};

class Maintenance {
 public:
  virtual ~Maintenance() = default;
  virtual void Status(Callback<StoreStatus> done) = 0;
  // The objects of each Kubernetes resource, most frequent first; empty right after the start. From
  // memory, never blocks.
  virtual std::vector<KindCount> CountKinds() const = 0;
  // Gives free space back to the file system.
  virtual void Defragment(Callback<Revision> done) = 0;
  // revision 0: the current one. Equal content at equal revisions has an equal hash, on any engine.
  virtual void HashKv(Revision revision, Callback<HashKvResponse> done) = 0;
  // shared: as for RangeCursor. The whole keyspace at the current revision, as kubase's own format.
  virtual void OpenSnapshot(Callback<std::shared_ptr<ByteCursor>> done) = 0;
  // What a deletion would do; nothing is changed. Reads the object and all its dependents. Errors:
  // kInvalidArgument (no such kind, or several), kNotFound (no such object), kUnavailable,
  // kOverloaded.
  virtual void PreviewDeletion(PreviewRequest request, Callback<DeletionPreview> done) = 0;
  // Raises the NOSPACE alarm by hand: until it is taken back, over restarts too, what needs space
  // is refused with kNoSpace (puts, transactions that may put, new leases), as etcd does.
  virtual void RaiseNoSpace(Callback<Revision> done) = 0;
  // Takes back the alarm, whoever raised it; a write that fails for want of space raises it again,
  // and the next one that succeeds takes that back.
  virtual void DisarmNoSpace(Callback<Revision> done) = 0;
};

class Store : public Reader, public Writer, public Leases, public Maintenance {
 public:
  virtual WatchSource& watches() = 0;
  // The newest revision that is visible to readers; any thread, never blocks.
  virtual Revision current_revision() const = 0;
};

}  // namespace kubase::store
