// SkippedObjects: tells of the objects that the collector of garbage leaves alone.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "shim/base/log.h"
#include "shim/store/collector_metrics.h"

namespace kubase::store {

// The writer's thread only.
class SkippedObjects {
 public:
  // The references must outlive it.
  SkippedObjects(CollectorMetrics& metrics, Log& log) : metrics_(metrics), log_(log) {}

  // Counts the object, and logs it if it is the first of its kind with this reason. `why`: a
  // clause of constant text.
  void Note(const std::string& key, CollectorMetrics::Reason reason, std::string_view why);

 private:
  CollectorMetrics& metrics_;
  Log& log_;
  std::set<std::string> told_;  // kinds and reasons that were logged; bounded
};

}  // namespace kubase::store
