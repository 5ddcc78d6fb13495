// Metric families from /proc/self and from an ApplianceStatus.
#include "web/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace kubase::web {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

void AddSample(MetricFamily& family, Labels labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  family.metric.push_back(std::move(metric));
}

MetricFamily One(std::string name, std::string help, MetricType type, double value) {
  MetricFamily family{std::move(name), std::move(help), type, {}};
  AddSample(family, {}, value);
  return family;
}

std::optional<std::string> ReadProcFile(const char* path) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || text.empty()) return std::nullopt;
  return text;
}

// Seconds since the epoch at which the machine booted, as /proc/stat tells it.
std::optional<double> BootTime() {
  const auto text = ReadProcFile("/proc/stat");
  if (!text) return std::nullopt;
  const size_t at = text->find("\nbtime ");
  if (at == std::string::npos) return std::nullopt;
  return std::strtod(text->c_str() + at + 7, nullptr);
}

std::optional<double> CountOpenFiles() {
  std::error_code error;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  double count = 0;
  for (const std::filesystem::directory_iterator end; !error && entry != end;
       entry.increment(error)) {
    ++count;
  }
  if (error) return std::nullopt;
  return count - 1;  // without the directory that was just read
}

void AddStat(std::vector<MetricFamily>& out) {
  const auto text = ReadProcFile("/proc/self/stat");
  if (!text) return;
  const auto stat = ParseProcStat(*text);
  if (!stat.ok()) return;
  const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  out.push_back(One("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
                    MetricType::Counter, static_cast<double>(stat->cpu_ticks) / ticks_per_second));
  out.push_back(One("process_resident_memory_bytes", "Resident memory size in bytes.",
                    MetricType::Gauge,
                    static_cast<double>(stat->resident_pages * sysconf(_SC_PAGESIZE))));
  out.push_back(One("process_virtual_memory_bytes", "Virtual memory size in bytes.",
                    MetricType::Gauge, static_cast<double>(stat->virtual_bytes)));
  if (const auto boot = BootTime()) {
    out.push_back(One("process_start_time_seconds",
                      "Start time of the process since the epoch in seconds.", MetricType::Gauge,
                      *boot + static_cast<double>(stat->start_ticks) / ticks_per_second));
  }
}

void AddFiles(std::vector<MetricFamily>& out) {
  if (const auto count = CountOpenFiles()) {
    out.push_back(
        One("process_open_fds", "Number of open file descriptors.", MetricType::Gauge, *count));
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    out.push_back(One("process_max_fds", "Maximum number of open file descriptors.",
                      MetricType::Gauge, static_cast<double>(limit.rlim_cur)));
  }
}

// One revision sequence runs over all databases; the oldest compaction among them is what a reader
// of history can rely on.
void AddDatabases(const ApplianceStatus& status, std::vector<MetricFamily>& out) {
  double size = 0;
  double in_use = 0;
  int64_t revision = 0;
  int64_t compacted = 0;
  MetricFamily up{"kubase_shard_up", "Whether the database can be reached.", MetricType::Gauge, {}};
  for (const DatabaseStatus& database : status.databases) {
    size += static_cast<double>(database.size_bytes);
    in_use += static_cast<double>(database.size_in_use_bytes);
    revision = std::max(revision, database.revision);
    const int64_t own = std::max<int64_t>(database.compact_revision, 0);
    compacted = &database == &status.databases.front() ? own : std::min(compacted, own);
    AddSample(up, {{"shard", database.name}}, database.reachable ? 1 : 0);
  }
  out.push_back(One("etcd_mvcc_db_total_size_in_bytes", "Total size of the databases in bytes.",
                    MetricType::Gauge, size));
  out.push_back(One("etcd_mvcc_db_total_size_in_use_in_bytes",
                    "Size of the databases that is in use, in bytes.", MetricType::Gauge, in_use));
  out.push_back(One("kubase_current_revision", "The newest revision.", MetricType::Gauge,
                    static_cast<double>(revision)));
  out.push_back(One("kubase_compact_revision", "The revision up to which history was removed.",
                    MetricType::Gauge, static_cast<double>(compacted)));
  out.push_back(One("kubase_compact_lag_revisions", "Revisions that are kept as history.",
                    MetricType::Gauge, static_cast<double>(revision - compacted)));
  out.push_back(std::move(up));
}

}  // namespace

Result<ProcStat> ParseProcStat(std::string_view text) {
  const Error malformed{ErrorCode::kCorrupt, "/proc/self/stat has an unknown shape"};
  // The second field is the program's name in brackets, which may contain anything.
  const size_t name_end = text.rfind(") ");
  if (name_end == std::string_view::npos) return malformed;
  std::istringstream fields{std::string(text.substr(name_end + 2))};
  std::vector<std::string> values{std::istream_iterator<std::string>(fields), {}};
  // proc(5): field 3 (state) is values[0]; 14 utime, 15 stime, 22 starttime, 23 vsize, 24 rss.
  if (values.size() < 22) return malformed;
  const auto number = [&](size_t field) {
    return std::strtoll(values[field - 3].c_str(), nullptr, 10);
  };
  return ProcStat{.cpu_ticks = number(14) + number(15),
                  .start_ticks = number(22),
                  .virtual_bytes = number(23),
                  .resident_pages = number(24)};
}

ProcessMetrics::ProcessMetrics(BuildInfo build) : build_(std::move(build)) {}

std::vector<MetricFamily> ProcessMetrics::Collect() const {
  std::vector<MetricFamily> out;
  AddStat(out);
  AddFiles(out);
  MetricFamily info{
      "kubase_build_info", "Always 1; the labels tell what was built.", MetricType::Gauge, {}};
  AddSample(info, {{"version", build_.version}, {"commit", build_.commit}}, 1);
  out.push_back(std::move(info));
  return out;
}

StatusMetrics::StatusMetrics(StatusSource& source, const Clock& clock)
    : source_(source), clock_(clock) {}

std::vector<MetricFamily> StatusMetrics::Collect() const {
  return MetricsOf(source_.ReadStatus(), clock_.WallNow());
}

std::vector<MetricFamily> MetricsOf(const ApplianceStatus& status, WallTime now) {
  std::vector<MetricFamily> out;
  AddDatabases(status, out);
  out.push_back(One("etcd_debugging_mvcc_watcher_total", "Total number of watchers.",
                    MetricType::Gauge, static_cast<double>(status.traffic.watchers)));
  out.push_back(One("etcd_debugging_mvcc_slow_watcher_total",
                    "Total number of watchers that are behind.", MetricType::Gauge,
                    static_cast<double>(status.traffic.slow_watchers)));
  MetricFamily restarts{
      "kubase_child_restarts_total", "Restarts of a supervised process.", MetricType::Counter, {}};
  for (const ProcessStatus& process : status.processes) {
    AddSample(restarts, {{"child", process.name}}, process.restarts);
  }
  out.push_back(std::move(restarts));
  MetricFamily expiry{"kubase_cert_expiry_seconds",
                      "Seconds until the certificate ends; negative when it has ended.",
                      MetricType::Gauge,
                      {}};
  for (const CertificateStatus& certificate : status.certificates) {
    AddSample(expiry, {{"certificate", certificate.name}},
              std::chrono::duration<double>(certificate.not_after - now).count());
  }
  out.push_back(std::move(expiry));
  return out;
}

}  // namespace kubase::web
