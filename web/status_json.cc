// The JSON of the status, written and read field by field.
#include "web/status_json.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "web/summary.h"

namespace kubase::web {
namespace {

using nlohmann::json;

std::string ToRfc3339(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text, length);
}

WallTime FromRfc3339(const std::string& text) {
  std::tm parts{};
  const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0') {
    // Caught below like every other wrong value.
    throw json::other_error::create(501, "\"" + text + "\" is no time in UTC", nullptr);
  }
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

// The reading half of one object: absent keys leave the field as it is.
struct Reader {
  const json& object;

  template <typename T>
  void Into(const char* key, T& field) const {
    if (const auto found = object.find(key); found != object.end()) found->get_to(field);
  }
  void Into(const char* key, std::chrono::seconds& field) const {
    if (object.contains(key)) field = std::chrono::seconds(object.at(key).get<int64_t>());
  }
  void Into(const char* key, WallTime& field) const {
    if (object.contains(key)) field = FromRfc3339(object.at(key).get<std::string>());
  }
};

ProcessState StateFromWord(const std::string& word) {
  for (const ProcessState state :
       {ProcessState::kStarting, ProcessState::kReady, ProcessState::kNotReady,
        ProcessState::kBackingOff, ProcessState::kStopped}) {
    if (word == StateWord(state)) return state;
  }
  return ProcessState::kNotReady;  // a word of a newer server
}

}  // namespace

void to_json(json& out, const Check& check) {
  out = {{"name", check.name}, {"ok", check.ok}, {"problem", check.problem}};
}

void from_json(const json& in, Check& check) {
  const Reader reader{in};
  reader.Into("name", check.name);
  reader.Into("ok", check.ok);
  reader.Into("problem", check.problem);
}

void to_json(json& out, const ProcessStatus& process) {
  out = {{"name", process.name},
         {"state", StateWord(process.state)},
         {"pid", process.pid},
         {"restarts", process.restarts},
         {"rssBytes", process.rss_bytes},
         {"cpuSeconds", process.cpu_seconds},
         {"runningForSeconds", process.running_for.count()},
         {"lastExit", process.last_exit},
         {"lastLogLines", process.last_log_lines}};
}

void from_json(const json& in, ProcessStatus& process) {
  const Reader reader{in};
  std::string state(StateWord(process.state));
  reader.Into("name", process.name);
  reader.Into("state", state);
  process.state = StateFromWord(state);
  reader.Into("pid", process.pid);
  reader.Into("restarts", process.restarts);
  reader.Into("rssBytes", process.rss_bytes);
  reader.Into("cpuSeconds", process.cpu_seconds);
  reader.Into("runningForSeconds", process.running_for);
  reader.Into("lastExit", process.last_exit);
  reader.Into("lastLogLines", process.last_log_lines);
}

void to_json(json& out, const DatabaseStatus& database) {
  out = {{"name", database.name},
         {"engine", database.engine},
         {"location", database.location},
         {"leader", database.leader},
         {"reachable", database.reachable},
         {"problem", database.problem},
         {"sizeBytes", database.size_bytes},
         {"sizeInUseBytes", database.size_in_use_bytes},
         {"revision", database.revision},
         {"compactRevision", database.compact_revision}};
}

void from_json(const json& in, DatabaseStatus& database) {
  const Reader reader{in};
  reader.Into("name", database.name);
  reader.Into("engine", database.engine);
  reader.Into("location", database.location);
  reader.Into("leader", database.leader);
  reader.Into("reachable", database.reachable);
  reader.Into("problem", database.problem);
  reader.Into("sizeBytes", database.size_bytes);
  reader.Into("sizeInUseBytes", database.size_in_use_bytes);
  reader.Into("revision", database.revision);
  reader.Into("compactRevision", database.compact_revision);
}

void to_json(json& out, const TrafficStatus& traffic) {
  out = {{"requestsTotal", traffic.requests_total},
         {"requestsFailedTotal", traffic.requests_failed_total},
         {"requestsPerSecond", traffic.requests_per_second},
         {"watchers", traffic.watchers},
         {"slowWatchers", traffic.slow_watchers},
         {"leases", traffic.leases}};
}

void from_json(const json& in, TrafficStatus& traffic) {
  const Reader reader{in};
  reader.Into("requestsTotal", traffic.requests_total);
  reader.Into("requestsFailedTotal", traffic.requests_failed_total);
  reader.Into("requestsPerSecond", traffic.requests_per_second);
  reader.Into("watchers", traffic.watchers);
  reader.Into("slowWatchers", traffic.slow_watchers);
  reader.Into("leases", traffic.leases);
}

void to_json(json& out, const KindCount& kind) {
  out = {{"resource", kind.resource}, {"count", kind.count}};
}

void from_json(const json& in, KindCount& kind) {
  const Reader reader{in};
  reader.Into("resource", kind.resource);
  reader.Into("count", kind.count);
}

void to_json(json& out, const CertificateStatus& certificate) {
  out = {{"name", certificate.name},
         {"path", certificate.path},
         {"notAfter", ToRfc3339(certificate.not_after)}};
}

void from_json(const json& in, CertificateStatus& certificate) {
  const Reader reader{in};
  reader.Into("name", certificate.name);
  reader.Into("path", certificate.path);
  reader.Into("notAfter", certificate.not_after);
}

std::string StatusToJson(const ApplianceStatus& status, WallTime now) {
  const Summary summary = Summarize(status, now);
  const json document = {{"summary",
                          {{"level", LevelWord(summary.level)},
                           {"sentence", summary.sentence},
                           {"problems", summary.problems}}},
                         {"time", ToRfc3339(now)},
                         {"version", status.version},
                         {"kubernetesVersion", status.kubernetes_version},
                         {"dataDir", status.data_dir},
                         {"serverUrl", status.server_url},
                         {"kubeconfigPath", status.kubeconfig_path},
                         {"uptimeSeconds", status.uptime.count()},
                         {"checks", status.checks},
                         {"processes", status.processes},
                         {"databases", status.databases},
                         {"traffic", status.traffic},
                         {"kinds", status.kinds},
                         {"certificates", status.certificates}};
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<ApplianceStatus> StatusFromJson(std::string_view text) {
  try {
    const json document = json::parse(text);
    if (!document.is_object()) {
      return Error{ErrorCode::kInvalidArgument, "the status is not a JSON object"};
    }
    ApplianceStatus status;
    const Reader reader{document};
    reader.Into("version", status.version);
    reader.Into("kubernetesVersion", status.kubernetes_version);
    reader.Into("dataDir", status.data_dir);
    reader.Into("serverUrl", status.server_url);
    reader.Into("kubeconfigPath", status.kubeconfig_path);
    reader.Into("uptimeSeconds", status.uptime);
    reader.Into("checks", status.checks);
    reader.Into("processes", status.processes);
    reader.Into("databases", status.databases);
    reader.Into("traffic", status.traffic);
    reader.Into("kinds", status.kinds);
    reader.Into("certificates", status.certificates);
    return status;
  } catch (const json::exception& e) {
    return Error{ErrorCode::kInvalidArgument, std::string("cannot read the status: ") + e.what()};
  }
}

}  // namespace kubase::web
