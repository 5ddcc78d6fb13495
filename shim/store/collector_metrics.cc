// Counters and gauges.
#include "shim/store/collector_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <string>

namespace kubase::store {
namespace {

prometheus::Family<prometheus::Counter>& Counters(prometheus::Registry& registry,
                                                  const std::string& name,
                                                  const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Counter* Deleted(prometheus::Registry& registry, const std::string& policy) {
  return &Counters(registry, "kubase_gc_deleted_total",
                   "Objects that the storage deleted because their owners had gone")
              .Add({{"policy", policy}});
}

prometheus::Counter* Skipped(prometheus::Registry& registry, const std::string& reason) {
  return &Counters(registry, "kubase_gc_skipped_total",
                   "How often the collector of garbage left an object alone")
              .Add({{"reason", reason}});
}

prometheus::Gauge& Owed(prometheus::Registry& registry, const std::string& state) {
  return prometheus::BuildGauge()
      .Name("kubase_gc_owed")
      .Help("Pieces of work that the collector of garbage owes")
      .Register(registry)
      .Add({{"state", state}});
}

}  // namespace

CollectorMetrics::CollectorMetrics(prometheus::Registry& registry)
    : deleted_{Deleted(registry, "background"), Deleted(registry, "foreground"),
               Deleted(registry, "orphan")},
      finished_(Counters(registry, "kubase_gc_finished_total",
                         "Owners that the storage let go after their dependents")
                    .Add({})),
      detached_(Counters(registry, "kubase_gc_detached_total",
                         "Objects that lost references to owners that had gone")
                    .Add({})),
      orphaned_(Counters(registry, "kubase_gc_orphaned_total",
                         "Objects that lost the reference to an owner that orphans them")
                    .Add({})),
      skipped_{Skipped(registry, "unreadable"), Skipped(registry, "misplaced_owner"),
               Skipped(registry, "unserved_owner")},
      due_(Owed(registry, "due")),
      waiting_(Owed(registry, "waiting")),
      oldest_seconds_(prometheus::BuildGauge()
                          .Name("kubase_gc_oldest_due_seconds")
                          .Help("Age of the oldest work that the collector of garbage could do now")
                          .Register(registry)
                          .Add({})) {}

void CollectorMetrics::OnDone(const Done& done) {
  for (size_t i = 0; i < deleted_.size(); ++i) {
    deleted_[i]->Increment(static_cast<double>(done.deleted[i]));
  }
  finished_.Increment(static_cast<double>(done.finished));
  detached_.Increment(static_cast<double>(done.detached));
  orphaned_.Increment(static_cast<double>(done.orphaned));
}

void CollectorMetrics::OnSkipped(Reason reason) {
  skipped_[static_cast<size_t>(reason)]->Increment();
}

void CollectorMetrics::OnQueue(int64_t due, int64_t waiting, double oldest_seconds) {
  due_.Set(static_cast<double>(due));
  waiting_.Set(static_cast<double>(waiting));
  oldest_seconds_.Set(oldest_seconds);
}

}  // namespace kubase::store
