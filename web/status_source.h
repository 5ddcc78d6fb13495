// StatusSource: what the page and the health endpoints show, as plain values.
//
// Declared here and implemented by the launcher, so that this room knows neither the store nor the
// processes. Actions (compact now, rotate certificates) will be a second interface beside this one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kubase::web {

struct Check {
  std::string name;  // as /readyz?verbose prints it
  bool ok = false;
  std::string problem;  // one sentence; empty when ok
};

enum class ProcessState { kStarting, kReady, kNotReady, kBackingOff, kStopped };

struct ProcessStatus {
  std::string name;  // "kube-apiserver"
  ProcessState state = ProcessState::kStopped;
  int pid = 0;  // 0: not running
  int restarts = 0;
  int64_t rss_bytes = 0;
  double cpu_seconds = 0;
  std::chrono::seconds running_for{0};
  std::string last_exit;  // "12 s ago it exited with status 1, …", a clause; empty: never ended
  std::vector<std::string> last_log_lines;  // newest last, at most 20
};

struct DatabaseStatus {
  std::string name;      // "default"
  std::string engine;    // "SQLite 3.40.1"
  std::string location;  // the endpoint without secrets
  std::string leader;    // the address of another kubase that leads it; empty: this one does
  bool reachable = false;
  std::string problem;  // one sentence; empty: none
  int64_t size_bytes = 0;
  int64_t size_in_use_bytes = 0;
  int64_t revision = 0;
  int64_t compact_revision = 0;  // 0 or less: never compacted
};

struct TrafficStatus {
  int64_t requests_total = 0;
  int64_t requests_failed_total = 0;
  double requests_per_second = 0;  // over the last minute, or since the start
  int64_t watchers = 0;
  int64_t slow_watchers = 0;
  int64_t leases = 0;
};

struct KindCount {
  std::string resource;  // "pods", "shirts.stable.example.com"
  int64_t count = 0;
};

struct CertificateStatus {
  std::string name;  // "kube-apiserver serving"
  std::string path;
  std::chrono::system_clock::time_point not_after;
};

struct ApplianceStatus {
  std::string version;
  std::string kubernetes_version;  // empty: the shim alone
  std::string data_dir;
  std::string server_url;  // of the Kubernetes API; empty: the shim alone
  std::string kubeconfig_path;
  std::chrono::seconds uptime{0};
  std::vector<Check> checks;  // all must be ok to be ready
  std::vector<ProcessStatus> processes;
  std::vector<DatabaseStatus> databases;
  TrafficStatus traffic;
  std::vector<KindCount> kinds;  // most frequent first
  std::vector<CertificateStatus> certificates;
};

// Any thread, several at once. Must answer from memory in a few milliseconds, or within its own
// deadline: health checks depend on it.
class StatusSource {
 public:
  virtual ~StatusSource() = default;
  virtual ApplianceStatus ReadStatus() = 0;
  // The checks alone, without the cost of the rest.
  virtual std::vector<Check> ReadChecks() = 0;
};

}  // namespace kubase::web
