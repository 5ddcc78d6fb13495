// The states themselves.
#include "tests/browser/scenarios.h"

#include <chrono>
#include <string>
#include <vector>

namespace kubase::web {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using std::string_literals::operator""s;

constexpr int64_t kMiB = 1024 * 1024;

std::vector<std::string> LogOf(const std::string& process) {
  std::vector<std::string> lines;
  for (int i = 0; i < 20; ++i) {
    lines.push_back("I1121 10:00:" + std::to_string(10 + i) +
                    ".204117       1 controller.go:667] quota admission added evaluator for: " +
                    process + "." + std::to_string(i));
  }
  return lines;
}

ProcessStatus Ready(const std::string& name, int pid, int64_t mebibytes, double cpu_seconds) {
  return {.name = name,
          .state = ProcessState::kReady,
          .pid = pid,
          .rss_bytes = mebibytes * kMiB,
          .cpu_seconds = cpu_seconds,
          .running_for = hours(75) + seconds(1260),
          .last_log_lines = LogOf(name)};
}

std::vector<KindCount> BuiltInKinds() {
  return {{"events", 1204},
          {"shirts.stable.example.com", 1000},
          {"pods", 312},
          {"replicasets.apps", 104},
          {"clusterroles.rbac.authorization.k8s.io", 72},
          {"configmaps", 61},
          {"secrets", 48},
          {"serviceaccounts", 44},
          {"deployments.apps", 38},
          {"namespaces", 9},
          {"leases.coordination.k8s.io", 6}};
}

ApplianceStatus Healthy(WallTime now) {
  ApplianceStatus status;
  status.version = "0.1.0";
  status.kubernetes_version = "v1.37.1";
  status.data_dir = "/var/lib/kubase";
  status.server_url = "https://127.0.0.1:6443";
  status.kubeconfig_path = "/var/lib/kubase/kubeconfig";
  status.uptime = hours(75) + seconds(1263);
  for (const char* check : {"database/default", "kube-apiserver", "kube-controller-manager"}) {
    status.checks.push_back({.name = check, .ok = true});
  }
  status.processes = {Ready("kube-apiserver", 48211, 243, 1893),
                      Ready("kube-controller-manager", 48230, 71, 402),
                      Ready("kube-scheduler", 48231, 44, 120)};
  status.databases = {{.name = "default",
                       .engine = "SQLite 3.40.1",
                       .location = "/var/lib/kubase/db/kubase.db",
                       .reachable = true,
                       .size_bytes = 187 * kMiB,
                       .size_in_use_bytes = 141 * kMiB,
                       .revision = 1204877,
                       .compact_revision = 1192004}};
  status.traffic = {.requests_total = 18204551,
                    .requests_failed_total = 12,
                    .requests_per_second = 67.4,
                    .watchers = 118,
                    .leases = 6};
  status.kinds = BuiltInKinds();
  const std::string pki = "/var/lib/kubase/pki/";
  status.certificates = {
      {"Certificate authority", pki + "ca.crt", now + hours(24 * 3647)},
      {"kube-apiserver serving", pki + "apiserver.crt", now + hours(24 * 341)},
      {"kube-apiserver to etcd API", pki + "apiserver-etcd-client.crt", now + hours(24 * 341)},
      {"admin", pki + "admin.crt", now + hours(24 * 341)},
      {"front proxy", pki + "front-proxy-client.crt", now + hours(24 * 21)}};
  return status;
}

ApplianceStatus ShimAlone(WallTime now) {
  ApplianceStatus status = Healthy(now);
  status.kubernetes_version.clear();
  status.server_url.clear();
  status.kubeconfig_path.clear();
  status.processes.clear();
  status.certificates.clear();
  status.checks.resize(1);
  return status;
}

ApplianceStatus Starting(WallTime now) {
  ApplianceStatus status = Healthy(now);
  status.uptime = seconds(3);
  for (ProcessStatus& process : status.processes) {
    process.state = ProcessState::kStarting;
    process.running_for = seconds(3);
  }
  for (Check& check : status.checks) {
    if (check.name != "database/default") check = {check.name, false, "it is starting"};
  }
  return status;
}

ApplianceStatus Degraded(WallTime now) {
  ApplianceStatus status = Healthy(now);
  ProcessStatus& manager = status.processes[1];
  manager.state = ProcessState::kBackingOff;
  manager.pid = 0;
  manager.restarts = 7;
  manager.last_exit =
      "12 s ago it exited with status 1, probably because the address is already in use; stop the "
      "program that listens there";
  manager.last_log_lines.push_back(
      "E1121 10:00:31.000001       1 run.go:72] \"command failed\" err=\"failed to create "
      "listener: "
      "listen tcp 127.0.0.1:10257: bind: address already in use\"");
  status.checks[2] = {"kube-controller-manager", false, "it is not running"};
  status.certificates[4].not_after = now - hours(40);
  status.traffic.slow_watchers = 3;
  return status;
}

ApplianceStatus Down(WallTime now) {
  ApplianceStatus status = Healthy(now);
  status.databases[0].reachable = false;
  status.databases[0].problem = "the disk of /var/lib/kubase is full; free some space";
  status.checks[0] = {"database/default", false, "the disk is full"};
  status.processes[0].state = ProcessState::kNotReady;
  return status;
}

ApplianceStatus Crowded(WallTime now) {
  ApplianceStatus status = Healthy(now);
  for (int i = 0; i < 9; ++i) {
    status.processes.push_back(Ready("worker-" + std::to_string(i), 50000 + i, 30 + i, 12));
  }
  status.databases.clear();
  for (int i = 0; i < 50; ++i) {
    status.databases.push_back({.name = "shard-" + std::to_string(i),
                                .engine = "PostgreSQL 15.18",
                                .location = "postgres://shard" + std::to_string(i) + ":5432/kubase",
                                .reachable = i != 17,
                                .problem = i != 17 ? "" : "connection refused",
                                .size_bytes = (i + 1) * 90 * kMiB,
                                .size_in_use_bytes = (i + 1) * 70 * kMiB,
                                .revision = 90'000'000 + i,
                                .compact_revision = 89'500'000});
  }
  status.kinds.clear();
  for (int i = 0; i < 1000; ++i) {
    status.kinds.push_back({"resources" + std::to_string(i) + ".group" + std::to_string(i % 37) +
                                ".crossplane.example.io",
                            1'000'000 / (i + 1)});
  }
  return status;
}

ApplianceStatus Hostile(WallTime now) {
  const std::string script = "<script>document.title='taken'</script>";
  const std::string image = "\"><img src=x onerror=\"document.title='taken'\">";
  ApplianceStatus status = Degraded(now);
  status.version = script;
  status.data_dir = "/tmp/" + image;
  status.kubeconfig_path = "/tmp/it's; rm -rf ~/" + image;
  status.processes[1].name = image;
  status.processes[1].last_exit = script + "\x1b[31mred\x00null"s;
  status.processes[1].last_log_lines = {script, image, "\xff\xfe not UTF-8", "</pre></details>",
                                        std::string(5000, 'a')};
  status.databases[0].location = "sqlite://" + script;
  status.databases[0].problem = image;
  status.kinds.insert(status.kinds.begin(), {script + ".example.com" + image, 7});
  status.certificates[0].name = script;
  status.certificates[0].path = image;
  status.checks.push_back({image, false, script});
  return status;
}

}  // namespace

std::map<std::string, ApplianceStatus> MakeScenarios(WallTime now) {
  return {{"healthy", Healthy(now)},   {"shim-alone", ShimAlone(now)},
          {"starting", Starting(now)}, {"degraded", Degraded(now)},
          {"down", Down(now)},         {"crowded", Crowded(now)},
          {"hostile", Hostile(now)}};
}

}  // namespace kubase::web
