// Request line in, JSON out.
#include "shim/wire/http_endpoint.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "shim/wire/status_map.h"

namespace kubase::wire {
namespace {

constexpr const char* kJson = "application/json";
constexpr const char* kText = "text/plain; charset=utf-8";

const char* ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Error";
  }
}

std::string HealthResponse(const std::string& problem) {
  const bool healthy = problem.empty();
  const nlohmann::ordered_json body = {{"health", healthy ? "true" : "false"}, {"reason", problem}};
  constexpr int kOk = 200;
  constexpr int kUnavailable = 503;
  return HttpResponse(
      healthy ? kOk : kUnavailable, kJson,
      body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

bool Excludes(const std::string& query, std::string_view alarm) {
  return ("&" + query + "&").find("&exclude=" + std::string(alarm) + "&") != std::string::npos;
}

}  // namespace

void CheckStoreHealth(store::Store& store, const std::string& query, HealthDone done) {
  const bool ignore_space = Excludes(query, "NOSPACE");
  store.Status([&store, ignore_space, done = std::move(done)](Result<store::StoreStatus> status) {
    if (!status.ok()) return done("RANGE ERROR:" + WireText(status.error()));
    if (!status->failure.empty()) return done("RANGE ERROR:" + status->failure);
    if (status->no_space && !ignore_space) return done("ALARM NOSPACE");
    store::RangeRequest probe;
    probe.range.key = "health";  // the key etcdctl asks for; it need not exist
    probe.limit = 1;
    probe.keys_only = true;
    store.Range(std::move(probe), [done](Result<store::RangeResponse> result) {
      done(result.ok() ? "" : "RANGE ERROR:" + WireText(result.error()));
    });
  });
}

std::optional<HttpRequest> ParseHttpHead(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const size_t method_end = line.find(' ');
  const size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || target_end <= method_end) return std::nullopt;
  const std::string_view protocol = line.substr(target_end + 1);
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  if (!protocol.starts_with("HTTP/1.") || !target.starts_with('/')) return std::nullopt;
  const size_t question = target.find('?');
  HttpRequest request;
  request.method = std::string(line.substr(0, method_end));
  request.path = std::string(target.substr(0, question));
  if (question != std::string_view::npos) request.query = std::string(target.substr(question + 1));
  return request;
}

std::string HttpResponse(int status, std::string_view content_type, std::string_view body) {
  std::string response = "HTTP/1.1 " + std::to_string(status) + " " + ReasonPhrase(status) + "\r\n";
  response += "Content-Type: " + std::string(content_type) + "\r\n";
  response += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  if (status == 405) response += "Allow: GET\r\n";
  response += "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
  response += body;
  return response;
}

HttpEndpoint::HttpEndpoint(CheckHealth check_health, EtcdVersion version)
    : check_health_(std::move(check_health)), version_(std::move(version)) {}

void HttpEndpoint::Handle(std::string_view head, Done done) {
  const std::optional<HttpRequest> request = ParseHttpHead(head);
  if (!request.has_value()) return done(HttpResponse(400, kText, "this is no HTTP/1 request\n"));
  if (request->path != "/health" && request->path != "/version") {
    return done(HttpResponse(404, kText, "there are /health and /version, and gRPC\n"));
  }
  if (request->method != "GET") {
    return done(HttpResponse(405, kText, "Method Not Allowed\n"));
  }
  if (request->path == "/health") {
    return check_health_(request->query, [done = std::move(done)](const std::string& problem) {
      done(HealthResponse(problem));
    });
  }
  const nlohmann::ordered_json body = {{"etcdserver", version_.text},
                                       {"etcdcluster", version_.Cluster()},
                                       {"storage", version_.Cluster()}};
  done(HttpResponse(200, kJson, body.dump() + "\n"));
}

}  // namespace kubase::wire
