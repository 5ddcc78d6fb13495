// One call in the metrics.
#pragma once

#include "shim/base/clock.h"
#include "shim/wire/rpc_metrics.h"

namespace kubase::wire {

// Counts the call at its beginning and at its end, with the time between them. Clock and metrics
// must outlive it.
class CallRecord {
 public:
  CallRecord(const Clock& clock, MethodMetrics& metrics)
      : clock_(clock), metrics_(metrics), started_(clock.Now()) {
    metrics_.Started();
  }
  ~CallRecord() { metrics_.Handled(code, clock_.Now() - started_); }
  CallRecord(const CallRecord&) = delete;
  CallRecord& operator=(const CallRecord&) = delete;

  grpc::StatusCode code = grpc::StatusCode::UNKNOWN;  // set before Finish

 private:
  const Clock& clock_;
  MethodMetrics& metrics_;
  const MonotonicTime started_;
};

}  // namespace kubase::wire
