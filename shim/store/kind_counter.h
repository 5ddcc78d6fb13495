// KindCounter: how many objects of each Kubernetes resource are stored, kept current by events.
//
// The first count costs one index range a resource; from then on each event costs one hash look-up,
// so that a page can show the numbers of millions of objects every second.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/published_revision.h"
#include "shim/store/store.h"
#include "shim/store/types.h"
#include "shim/store/watch.h"

namespace kubase::store {

// Any thread.
class KindCounter {
 public:
  // Counts everything once. Events that were committed before the count are not counted twice.
  // Until it has succeeded Read gives nothing; after a failure it may be tried again. One call at a
  // time. Errors: those of the database.
  Result<void> Load(sql::Connection& connection, PublishedRevision& published);

  // From the writer, in order, after the commit.
  void OnCommitted(const std::vector<WatchBatch>& batches);

  // Most frequent first; those with equal counts by name. Resources without objects are left out.
  std::vector<KindCount> Read() const;

 private:
  struct Change {
    Revision revision;
    std::string kind;
    int64_t by;
  };
  Result<void> Count(sql::Connection& connection, PublishedRevision& published);
  void Apply(const std::string& kind, int64_t by);  // mutex_ held

  mutable std::mutex mutex_;
  bool loaded_ = false;                                 // guarded by mutex_
  bool counting_ = false;                               // guarded by mutex_
  std::map<std::string, int64_t, std::less<>> counts_;  // guarded by mutex_
  std::vector<Change> early_;                           // guarded by mutex_; while counting_
};

}  // namespace kubase::store
