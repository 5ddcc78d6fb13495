#include "web/metrics.h"

#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <ctime>

#include "web/test_time.h"

namespace kubase::web {
namespace {

using prometheus::MetricFamily;
const MetricFamily* Find(const std::vector<MetricFamily>& families, const std::string& name) {
  for (const MetricFamily& family : families) {
    if (family.name == name) return &family;
  }
  return nullptr;
}

double GaugeOf(const std::vector<MetricFamily>& families, const std::string& name) {
  const MetricFamily* family = Find(families, name);
  INFO(name);
  REQUIRE(family != nullptr);
  REQUIRE(family->metric.size() == 1);
  return family->metric[0].gauge.value;
}

TEST_CASE("Metrics: the process tells plausible numbers about itself") {
  const auto families = ProcessMetrics({.version = "1.2.3", .commit = "abc"}).Collect();
  CHECK(GaugeOf(families, "process_resident_memory_bytes") > 1024 * 1024);
  CHECK(GaugeOf(families, "process_open_fds") >= 3);
  CHECK(GaugeOf(families, "process_max_fds") >= GaugeOf(families, "process_open_fds"));
  const double age =
      static_cast<double>(std::time(nullptr)) - GaugeOf(families, "process_start_time_seconds");
  CHECK(age > -2);
  CHECK(age < 3600);
  REQUIRE(Find(families, "process_cpu_seconds_total") != nullptr);
  CHECK(Find(families, "process_cpu_seconds_total")->type == prometheus::MetricType::Counter);
  CHECK(prometheus::TextSerializer().Serialize(families).find(
            "kubase_build_info{version=\"1.2.3\",commit=\"abc\"} 1") != std::string::npos);
}

TEST_CASE("Metrics: a program name with brackets and spaces does not confuse the parser") {
  const auto stat = ParseProcStat(
      "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 11 22 0 0 20 0 1 0 555 8192 33 1844 1 1 0");
  REQUIRE(stat.ok());
  CHECK(stat->cpu_ticks == 33);
  CHECK(stat->start_ticks == 555);
  CHECK(stat->virtual_bytes == 8192);
  CHECK(stat->resident_pages == 33);
  CHECK(ParseProcStat("").error().code == ErrorCode::kCorrupt);
  CHECK(ParseProcStat("7 (a) S 1").error().code == ErrorCode::kCorrupt);
}

TEST_CASE("Metrics: databases are summed and compaction is that of the oldest") {
  ApplianceStatus status;
  status.databases = {{.name = "a",
                       .reachable = true,
                       .size_bytes = 10,
                       .size_in_use_bytes = 6,
                       .revision = 90,
                       .compact_revision = 50},
                      {.name = "b",
                       .reachable = false,
                       .size_bytes = 5,
                       .size_in_use_bytes = 5,
                       .revision = 100,
                       .compact_revision = 40}};
  const auto families = MetricsOf(status, kNow);
  CHECK(GaugeOf(families, "etcd_mvcc_db_total_size_in_bytes") == 15);
  CHECK(GaugeOf(families, "etcd_mvcc_db_total_size_in_use_in_bytes") == 11);
  CHECK(GaugeOf(families, "kubase_current_revision") == 100);
  CHECK(GaugeOf(families, "kubase_compact_revision") == 40);
  CHECK(GaugeOf(families, "kubase_compact_lag_revisions") == 60);
  const std::string text = prometheus::TextSerializer().Serialize(families);
  CHECK(text.find("kubase_shard_up{shard=\"a\"} 1") != std::string::npos);
  CHECK(text.find("kubase_shard_up{shard=\"b\"} 0") != std::string::npos);
}

TEST_CASE("Metrics: a database that was never compacted keeps all revisions") {
  ApplianceStatus status;
  status.databases = {{.name = "a", .reachable = true, .revision = 90, .compact_revision = -1}};
  const auto families = MetricsOf(status, kNow);
  CHECK(GaugeOf(families, "kubase_compact_revision") == 0);
  CHECK(GaugeOf(families, "kubase_compact_lag_revisions") == 90);
}

TEST_CASE("Metrics: watchers, restarts and certificates come from the status") {
  ApplianceStatus status;
  status.traffic.watchers = 118;
  status.traffic.slow_watchers = 3;
  status.processes = {{.name = "kube-apiserver", .restarts = 4}};
  status.certificates = {{"admin", "", kNow + std::chrono::seconds(90)},
                         {"old \"one\"", "", kNow - std::chrono::seconds(5)}};
  const auto families = MetricsOf(status, kNow);
  CHECK(GaugeOf(families, "etcd_debugging_mvcc_watcher_total") == 118);
  CHECK(GaugeOf(families, "etcd_debugging_mvcc_slow_watcher_total") == 3);
  const std::string text = prometheus::TextSerializer().Serialize(families);
  CHECK(text.find("kubase_child_restarts_total{child=\"kube-apiserver\"} 4") != std::string::npos);
  CHECK(text.find("kubase_cert_expiry_seconds{certificate=\"admin\"} 90") != std::string::npos);
  CHECK(text.find("kubase_cert_expiry_seconds{certificate=\"old \\\"one\\\"\"} -5") !=
        std::string::npos);
}

}  // namespace
}  // namespace kubase::web
