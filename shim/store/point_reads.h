// PointReads: gets of single keys on an engine over a network. Those that wait together travel
// together: one round trip answers any number of them.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shim/store/pair_cache.h"
#include "shim/store/published_revision.h"
#include "shim/store/reader_pool.h"
#include "shim/store/store.h"

namespace kubase::store {

// Any thread. It has to outlive the threads of the pool.
class PointReads {
 public:
  PointReads(ReaderPool& readers, PublishedRevision& published, PairCache& pairs)
      : readers_(readers), published_(published), pairs_(pairs) {}

  // Answers a plain get, on a thread of the pool, with the latest pair of its key in a snapshot
  // that is taken after the call. Errors: kOverloaded, kCancelled, kLeaderChanged, those of the
  // database.
  void Get(RangeRequest request, Callback<RangeResponse> done);

 private:
  struct Waiting {
    RangeRequest request;
    Callback<RangeResponse> done;
  };
  using Found = std::unordered_map<std::string_view, KeyValuePtr>;  // null: there is no such key

  // For a trip that is counted.
  void AskForThread();
  // One trip has ended; another takes its place if somebody waits.
  void EndTrip();
  std::vector<Waiting> TakeFirst();
  // As TakeFirst; those for whom nobody waits any more are answered.
  std::vector<Waiting> TakeWanted();
  void Serve(sql::Connection& connection);
  // Fills in the pairs of the keys of `found`; the revision of the snapshot.
  Result<Revision> Read(sql::Connection& connection, Found& found);

  ReaderPool& readers_;
  PublishedRevision& published_;
  PairCache& pairs_;
  std::mutex mutex_;
  std::vector<Waiting> waiting_;  // guarded by mutex_
  int trips_ = 0;                 // guarded by mutex_: under way, or asked for; > 0 while any waits
};

}  // namespace kubase::store
