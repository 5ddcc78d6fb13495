// The same words and numbers as on the page.
#include "launcher/status_table.h"

#include <fmt/format.h>

#include "web/format.h"
#include "web/summary.h"

namespace kubase::launcher {
namespace {

std::string Row(const std::string& name, const std::string& value) {
  return value.empty() ? "" : fmt::format("{:<12} {}\n", name, value);
}

std::string RenderProcesses(const web::ApplianceStatus& status) {
  if (status.processes.empty()) return "";
  std::string text = fmt::format("\n{:<26} {:<19} {:>8} {:>9} {:>9}  {}\n", "COMPONENT", "STATE",
                                 "RESTARTS", "MEMORY", "CPU", "SINCE");
  for (const web::ProcessStatus& process : status.processes) {
    text += fmt::format("{:<26} {:<19} {:>8} {:>9} {:>8.1f}s  {}\n", process.name,
                        web::StateWord(process.state), process.restarts,
                        web::FormatBytes(process.rss_bytes), process.cpu_seconds,
                        process.pid == 0 ? "-" : web::FormatDuration(process.running_for));
    if (!process.last_exit.empty()) text += "  last end: " + process.last_exit + "\n";
  }
  return text;
}

std::string RenderDatabases(const web::ApplianceStatus& status) {
  std::string text = fmt::format("\n{:<26} {:<19} {:>9} {:>10} {:>10}\n", "DATABASE", "ENGINE",
                                 "SIZE", "REVISION", "COMPACTED");
  for (const web::DatabaseStatus& database : status.databases) {
    text += fmt::format("{:<26} {:<19} {:>9} {:>10} {:>10}\n", database.name, database.engine,
                        web::FormatBytes(database.size_bytes), database.revision,
                        database.compact_revision);
    if (!database.leader.empty()) {
      text += "  standing by; the kubase at " + database.leader + " leads\n";
    }
  }
  return text;
}

std::string RenderKinds(const web::ApplianceStatus& status) {
  constexpr size_t kShown = 10;
  std::string text;
  for (size_t i = 0; i < status.kinds.size() && i < kShown; ++i) {
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", web::FormatCount(status.kinds[i].count),
                        status.kinds[i].resource);
  }
  if (status.kinds.size() > kShown) {
    text += fmt::format(" and {} more kinds", status.kinds.size() - kShown);
  }
  return text;
}

std::string RenderNearestEnd(const web::ApplianceStatus& status, WallTime now) {
  const web::CertificateStatus* nearest = nullptr;
  for (const web::CertificateStatus& certificate : status.certificates) {
    if (nearest == nullptr || certificate.not_after < nearest->not_after) nearest = &certificate;
  }
  if (nearest == nullptr) return "";
  return fmt::format("good until {} ({}, {} days)", web::FormatDate(nearest->not_after),
                     nearest->name, web::DaysLeft(*nearest, now));
}

}  // namespace

std::string RenderStatusTable(const web::ApplianceStatus& status, WallTime now) {
  const std::string kubernetes =
      status.kubernetes_version.empty() ? "" : ", Kubernetes " + status.kubernetes_version;
  return web::Summarize(status, now).sentence + "\n\n" +
         Row("Version", "kubase " + status.version + kubernetes) +
         Row("Server", status.server_url) + Row("Kubeconfig", status.kubeconfig_path) +
         Row("Data", status.data_dir) + Row("Uptime", web::FormatDuration(status.uptime)) +
         Row("Traffic", fmt::format("{} requests/s, {}, {}",
                                    web::FormatRate(status.traffic.requests_per_second),
                                    web::Plural(status.traffic.watchers, "watcher", "watchers"),
                                    web::Plural(status.traffic.leases, "lease", "leases"))) +
         Row("Objects", RenderKinds(status)) + Row("Certificates", RenderNearestEnd(status, now)) +
         RenderProcesses(status) + RenderDatabases(status);
}

}  // namespace kubase::launcher
