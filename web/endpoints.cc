// Routing, headers and the answers.
#include "web/endpoints.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "web/assets.h"
#include "web/health.h"
#include "web/host_guard.h"
#include "web/http_adapter.h"
#include "web/metrics.h"
#include "web/page.h"
#include "web/preview_query.h"
#include "web/status_json.h"

namespace kubase::web {
namespace {

using httplib::Request;
using httplib::Response;

constexpr size_t kEchoedPathMax = 100;

// A path is data of the client: shown shortened and without control characters.
std::string Shown(std::string_view path) {
  std::string shown(path.substr(0, kEchoedPathMax));
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return path.size() > kEchoedPathMax ? shown + "..." : shown;
}

void AnswerAsset(const Request& request, Response& response, const Asset& asset) {
  const std::string etag = "\"" + std::string(asset.hash) + "\"";
  response.set_header("ETag", etag);
  // The name carries the hash of the content, so what it names never changes.
  response.set_header("Cache-Control", "public, max-age=31536000, immutable");
  if (request.get_header_value("If-None-Match").find(etag) != std::string::npos) {
    response.status = 304;
    return;
  }
  Respond(response, 200, std::string(asset.content), std::string(asset.content_type).c_str());
}

}  // namespace

class Endpoints::Router {
 public:
  Router(const EndpointOptions& options, const Sources& sources,
         const prometheus::Collectable& metrics, Log& log, const Clock& clock)
      : options_(options),
        source_(sources.status),
        previews_(sources.previews),
        metrics_(metrics),
        process_metrics_({options.version, options.commit}),
        status_metrics_(sources.status, clock),
        log_(log),
        clock_(clock),
        guard_(options.allowed_hosts) {}

  void Route(const Request& request, Response& response, Reach reach) const {
    if (!HostIsFine(request, response, reach)) return;
    if (request.method != "GET" && request.method != "HEAD") {
      response.set_header("Allow", "GET, HEAD");
      return Respond(response, 405, "Only GET and HEAD are understood here.\n");
    }
    const std::string& path = request.path;
    if (path == "/livez") return AnswerLive(request, response);
    if (path == "/readyz" || path == "/healthz") return AnswerReady(request, response);
    if (path == "/metrics") return AnswerMetrics(response);
    if (path == "/version") return AnswerVersion(response);
    if (const Asset* asset = FindAsset(path)) return AnswerAsset(request, response, *asset);
    if (path == kPreviewPath && previews_ != nullptr && reach == Reach::kUnixSocket) {
      return AnswerPreview(request, response);
    }
    if (path != "/" && path != "/api/status") {
      return Respond(
          response, 404,
          "There is nothing at " + Shown(path) +
              ". Try /, /readyz, /livez, /healthz, /metrics, /version or /api/status.\n");
    }
    if (reach == Reach::kNetwork) return RefuseNetwork(response);
    const ApplianceStatus status = source_.ReadStatus();
    const WallTime now = clock_.WallNow();
    if (path == "/api/status") {
      return Respond(response, 200, StatusToJson(status, now), "application/json");
    }
    Respond(response, 200, RenderPage(status, now), "text/html; charset=utf-8");
  }

 private:
  bool HostIsFine(const Request& request, Response& response, Reach reach) const {
    if (reach == Reach::kUnixSocket) return true;  // no browser gets there
    const size_t count = request.get_header_value_count("Host");
    if (count != 1) {
      Respond(response, 400, "A request needs exactly one Host header.\n");
      return false;
    }
    const std::string host = request.get_header_value("Host");
    if (guard_.Allows(host)) return true;
    log_.Warning("refused a request for a foreign host", {{"host", Shown(host)}});
    const std::string remedy = options_.allowed_hosts_flag.empty()
                                   ? ""
                                   : ", or allow it with " + options_.allowed_hosts_flag;
    Respond(response, 403,
            fmt::format("The Host header \"{}\" is no name of this server. Use localhost or an "
                        "address in digits{}.\n",
                        Shown(host), remedy));
    return false;
  }

  // Log lines and paths are for who can log in here, not for the whole network.
  void RefuseNetwork(Response& response) const {
    Respond(response, 403,
            "The status page is served on this machine only; from elsewhere, forward the port, for "
            "example by: ssh -L 8080:127.0.0.1:PORT HOST\n");
  }

  void AnswerHealthOf(const Request& request, Response& response, std::vector<Check> checks) const {
    checks.insert(checks.begin(), Check{.name = "ping", .ok = true});
    HealthRequest health{.endpoint = std::string_view(request.path).substr(1),
                         .verbose = request.has_param("verbose")};
    const auto [begin, end] = request.params.equal_range("exclude");
    for (auto at = begin; at != end; ++at) health.excluded.push_back(at->second);
    const HealthAnswer answer = AnswerHealth(health, checks);
    Respond(response, answer.ok ? 200 : 500, answer.text);
  }

  // Alive: this process answers. Whether others do is a question of readiness; a restart of this
  // process would not help them.
  void AnswerLive(const Request& request, Response& response) const {
    AnswerHealthOf(request, response, {});
  }

  void AnswerReady(const Request& request, Response& response) const {
    AnswerHealthOf(request, response, source_.ReadChecks());
  }

  // Names of objects are for who may use the socket, not for every user of this machine.
  void AnswerPreview(const Request& request, Response& response) const {
    const auto query = ParsePreviewQuery(request.params);
    if (!query.ok()) return Refuse(response, query.error());
    const auto preview = previews_->ReadPreview(*query);
    if (!preview.ok()) return Refuse(response, preview.error());
    Respond(response, 200, PreviewToJson(*preview), "application/json");
  }

  static void Refuse(Response& response, const Error& error) {
    const int status = error.code == ErrorCode::kInvalidArgument ? 400
                       : error.code == ErrorCode::kNotFound      ? 404
                                                                 : 503;
    Respond(response, status, error.message + "\n");
  }

  void AnswerMetrics(Response& response) const {
    std::vector<prometheus::MetricFamily> families = metrics_.Collect();
    const prometheus::Collectable* const own[] = {&process_metrics_, &status_metrics_};
    for (const prometheus::Collectable* collectable : own) {
      auto more = collectable->Collect();
      std::move(more.begin(), more.end(), std::back_inserter(families));
    }
    std::erase_if(families, [](const auto& family) { return family.metric.empty(); });
    Respond(response, 200, prometheus::TextSerializer().Serialize(families),
            "text/plain; version=0.0.4; charset=utf-8");
  }

  void AnswerVersion(Response& response) const {
    const nlohmann::json version = {{"version", options_.version},
                                    {"commit", options_.commit},
                                    {"kubernetesVersion", options_.kubernetes_version}};
    Respond(response, 200, version.dump(2) + "\n", "application/json");
  }

  const EndpointOptions options_;
  StatusSource& source_;
  PreviewSource* const previews_;  // may be null
  const prometheus::Collectable& metrics_;
  const ProcessMetrics process_metrics_;
  const StatusMetrics status_metrics_;
  Log& log_;
  const Clock& clock_;
  const HostGuard guard_;
};

Endpoints::Endpoints(const EndpointOptions& options, const Sources& sources,
                     const prometheus::Collectable& metrics, Log& log, const Clock& clock)
    : router_(std::make_unique<Router>(options, sources, metrics, log, clock)),
      adapter_(std::make_unique<HttpAdapter>(
          [router = router_.get()](const Request& request, Response& response, Reach reach) {
            router->Route(request, response, reach);
          },
          log)) {}

Endpoints::~Endpoints() = default;

Reply Endpoints::Answer(const std::string& head, Reach reach) const {
  return adapter_->Process(head, reach);
}

bool Endpoints::IsPreview(const std::string& head) {
  return head.compare(head.find(' ') + 1, kPreviewPath.size(), kPreviewPath) == 0;
}

bool Endpoints::IsProbe(const std::string& head) {
  static constexpr std::array<std::string_view, 4> kProbes = {"/livez", "/readyz", "/healthz",
                                                              "/version"};
  const size_t target = head.find(' ') + 1;
  return std::any_of(kProbes.begin(), kProbes.end(), [&](std::string_view probe) {
    return head.compare(target, probe.size(), probe) == 0;
  });
}

}  // namespace kubase::web
