// The store's own numbers, under kine's names where kine has one.
#pragma once

#include "shim/base/result.h"

namespace prometheus {
class Counter;
class Histogram;
class Registry;
}  // namespace prometheus

namespace kubase::store {

// Any thread. `registry` must outlive it.
class StoreMetrics {
 public:
  explicit StoreMetrics(prometheus::Registry& registry);

  // A committed batch of so many requests (kubase_write_batch_requests).
  void OnBatch(size_t requests);
  // A batch that was not done (kine_insert_errors_total); retriable: it may be sent again.
  void OnBatchFailed(const Error& error);
  // A compaction that removed all its rows, or a step of one that failed (kine_compact_total).
  void OnCompacted(bool success);

 private:
  prometheus::Histogram& batch_requests_;
  prometheus::Counter& retriable_errors_;
  prometheus::Counter& other_errors_;
  prometheus::Counter& compactions_;
  prometheus::Counter& failed_compactions_;
};

}  // namespace kubase::store
