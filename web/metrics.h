// Metrics that come from the process itself and from the StatusSource.
//
// They are computed when somebody asks, so nothing here has to be kept up to date. Names follow
// what dashboards for Prometheus clients and for etcd look for; the rest starts with `kubase_`.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <string>
#include <string_view>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/result.h"
#include "web/status_source.h"

namespace kubase::web {

struct BuildInfo {
  std::string version;
  std::string commit;
};

// process_* and kubase_build_info. What /proc/self does not tell is left out. Any thread.
class ProcessMetrics final : public prometheus::Collectable {
 public:
  explicit ProcessMetrics(BuildInfo build);
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const BuildInfo build_;
};

// The gauges and counters of a StatusSource, read once per Collect. Any thread.
class StatusMetrics final : public prometheus::Collectable {
 public:
  // Both must outlive this.
  StatusMetrics(StatusSource& source, const Clock& clock);
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  StatusSource& source_;
  const Clock& clock_;
};

// The same as a pure function of the status.
std::vector<prometheus::MetricFamily> MetricsOf(const ApplianceStatus& status, WallTime now);

// What /proc/PID/stat tells, in clock ticks and pages; kCorrupt when it has another shape.
struct ProcStat {
  int64_t cpu_ticks = 0;    // user and system
  int64_t start_ticks = 0;  // since boot
  int64_t virtual_bytes = 0;
  int64_t resident_pages = 0;
};
Result<ProcStat> ParseProcStat(std::string_view text);

}  // namespace kubase::web
