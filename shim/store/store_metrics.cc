// kine_insert_errors_total and kine_compact_total: kine pkg/metrics.
#include "shim/store/store_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <string>

namespace kubase::store {
namespace {

prometheus::Family<prometheus::Counter>& Counters(prometheus::Registry& registry,
                                                  const std::string& name,
                                                  const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Counter& InsertErrors(prometheus::Registry& registry, const std::string& retriable) {
  return Counters(registry, "kine_insert_errors_total", "Total number of failed batches of writes")
      .Add({{"retriable", retriable}});
}

prometheus::Counter& Compactions(prometheus::Registry& registry, const std::string& result) {
  return Counters(registry, "kine_compact_total", "Total number of compactions")
      .Add({{"result", result}});
}

}  // namespace

StoreMetrics::StoreMetrics(prometheus::Registry& registry)
    : batch_requests_(prometheus::BuildHistogram()
                          .Name("kubase_write_batch_requests")
                          .Help("Write requests that shared one commit")
                          .Register(registry)
                          .Add({}, prometheus::Histogram::BucketBoundaries{1, 2, 4, 8, 16, 32, 64,
                                                                           128, 256, 512})),
      retriable_errors_(InsertErrors(registry, "true")),
      other_errors_(InsertErrors(registry, "false")),
      compactions_(Compactions(registry, "success")),
      failed_compactions_(Compactions(registry, "error")) {}

void StoreMetrics::OnBatch(size_t requests) {
  batch_requests_.Observe(static_cast<double>(requests));
}

void StoreMetrics::OnBatchFailed(const Error& error) {
  const bool retriable =
      error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kConflict;
  (retriable ? retriable_errors_ : other_errors_).Increment();
}

void StoreMetrics::OnCompacted(bool success) {
  (success ? compactions_ : failed_compactions_).Increment();
}

}  // namespace kubase::store
