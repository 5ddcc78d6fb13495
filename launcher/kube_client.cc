// cpp-httplib under KubeClient. Its exceptions and error codes end here.
#include "launcher/kube_client.h"

#include <fmt/format.h>
#include <httplib.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace kubase::launcher {
namespace {

using nlohmann::json;

constexpr size_t kBodyBytesMax = 64 << 20;

// Closes the connection of a call when its stop token is triggered. Whoever triggers it waits until
// the call has ended: one stop() may come a moment before the connection exists and would be lost.
class StopGuard {
 public:
  StopGuard(httplib::SSLClient& client, std::stop_token stop)
      : callback_(std::move(stop), [this, &client] { CloseUntilEnded(client); }) {}
  ~StopGuard() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

 private:
  void CloseUntilEnded(httplib::SSLClient& client) {
    // Triggered by the thread of the call itself (before it began, or from a callback): that thread
    // looks at the token next.
    if (std::this_thread::get_id() == caller_) return;
    std::unique_lock lock(mutex_);
    while (!ended_) {
      client.stop();
      changed_.wait_for(lock, std::chrono::milliseconds(20), [this] { return ended_; });
    }
  }

  const std::thread::id caller_ = std::this_thread::get_id();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;  // guarded by mutex_
  std::stop_callback<std::function<void()>> callback_;
};

std::string ServerWords(const std::string& body) {
  const json status = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (status.is_object() && status.contains("message") && status["message"].is_string()) {
    return status["message"].get<std::string>();
  }
  return body.substr(0, 200);
}

ErrorCode CodeOfStatus(int status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kAlreadyExists;
    case 410:
      return ErrorCode::kCompacted;
    case 429:
      return ErrorCode::kUnavailable;
    default:
      return status >= 500 ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument;
  }
}

Error StatusError(int status, const std::string& body) {
  return Error{CodeOfStatus(status),
               fmt::format("the Kubernetes API answered {}: {}", status, ServerWords(body))};
}

Result<json> ParseJson(const std::string& text) {
  json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_discarded()) return parsed;
  return Error{ErrorCode::kCorrupt, "the Kubernetes API answered something that is not JSON"};
}

// Cuts a stream of bytes into lines; returns false to stop.
class LineSplitter {
 public:
  template <typename OnLine>
  bool Feed(const char* data, size_t size, const OnLine& on_line) {
    buffer_.append(data, size);
    size_t begin = 0;
    for (size_t end = buffer_.find('\n'); end != std::string::npos;
         end = buffer_.find('\n', begin)) {
      if (end > begin && !on_line(buffer_.substr(begin, end - begin))) return false;
      begin = end + 1;
    }
    buffer_.erase(0, begin);
    return buffer_.size() <= kBodyBytesMax;
  }

 private:
  std::string buffer_;
};

Result<WatchEvent> ParseEvent(const std::string& line) {
  KUBASE_ASSIGN_OR_RETURN(json parsed, ParseJson(line));
  if (!parsed.is_object() || !parsed.contains("type") || !parsed["type"].is_string() ||
      !parsed.contains("object")) {
    return Error{ErrorCode::kCorrupt, "the Kubernetes API sent something that is no watch event"};
  }
  WatchEvent event{parsed["type"].get<std::string>(), std::move(parsed["object"])};
  if (event.type != "ERROR") return event;
  const json& code =
      event.object.is_object() && event.object.contains("code") ? event.object["code"] : json(500);
  return StatusError(code.is_number_integer() ? code.get<int>() : 500, event.object.dump());
}

class HttpsKubeClient final : public KubeClient {
 public:
  explicit HttpsKubeClient(const KubeClientOptions& options) : options_(options) {}

  Result<json> Get(const std::string& path, std::stop_token stop) override {
    KUBASE_ASSIGN_OR_RETURN(const std::string body, GetText(path, std::move(stop)));
    return ParseJson(body);
  }

  Result<std::string> GetText(const std::string& path, std::stop_token stop) override {
    return Call({.method = "GET", .path = path}, std::move(stop));
  }

  Result<json> Post(const std::string& path, const json& body, std::stop_token stop) override {
    return Change("POST", path, "application/json", body, std::move(stop));
  }

  Result<json> Put(const std::string& path, const json& body, std::stop_token stop) override {
    return Change("PUT", path, "application/json", body, std::move(stop));
  }

  Result<json> Apply(const std::string& path, const json& body, std::stop_token stop) override {
    // JSON is YAML, and the apply content type has only a YAML name that every version knows.
    return Change("PATCH", path + "?fieldManager=kubase&force=true", "application/apply-patch+yaml",
                  body, std::move(stop));
  }

  Result<json> Delete(const std::string& path, std::stop_token stop) override {
    KUBASE_ASSIGN_OR_RETURN(const std::string body,
                            Call({.method = "DELETE", .path = path}, std::move(stop)));
    return ParseJson(body);
  }

  Result<void> Watch(const std::string& path, std::chrono::seconds idle_max,
                     const std::function<bool(const WatchEvent&)>& on_event,
                     std::stop_token stop) override {
    LineSplitter lines;
    std::optional<Error> failure;
    bool wanted_no_more = false;
    const auto on_line = [&](const std::string& line) {
      Result<WatchEvent> event = ParseEvent(line);
      if (!event.ok()) {
        failure = std::move(event).error();
        return false;
      }
      wanted_no_more = !on_event(*event);
      return !wanted_no_more;
    };
    Request request{.method = "GET", .path = path, .idle_max = idle_max, .is_stream = true};
    request.on_data = [&](const char* data, size_t size) {
      return lines.Feed(data, size, on_line);
    };
    const Result<std::string> ended = Call(request, std::move(stop));
    if (failure) return *std::move(failure);
    if (wanted_no_more || ended.ok()) return Ok();
    return ended.error();
  }

 private:
  struct Request {
    std::string method;
    std::string path;
    std::string content_type;
    std::string body;
    std::chrono::milliseconds idle_max{0};  // 0: the time-out of the client
    bool is_stream = false;                 // no end to wait for: `on_data` gets the body
    std::function<bool(const char*, size_t)> on_data;
  };

  Result<json> Change(const char* method, const std::string& path, const char* content_type,
                      const json& body, std::stop_token stop) {
    KUBASE_ASSIGN_OR_RETURN(
        const std::string answer,
        Call({.method = method, .path = path, .content_type = content_type, .body = body.dump()},
             std::move(stop)));
    return ParseJson(answer);
  }

  // The body of a successful answer.
  Result<std::string> Call(const Request& request, std::stop_token stop) {
    httplib::SSLClient client(options_.host, options_.port, options_.certificate.string(),
                              options_.key.string());
    if (!client.is_valid()) {
      return Error{ErrorCode::kUnavailable, fmt::format("cannot use the client certificate {}",
                                                        options_.certificate.string())};
    }
    client.set_ca_cert_path(options_.ca.string());
    client.enable_server_certificate_verification(true);
    client.set_connection_timeout(options_.timeout);
    client.set_write_timeout(options_.timeout);
    client.set_read_timeout(request.idle_max.count() > 0 ? request.idle_max : options_.timeout);
    client.set_tcp_nodelay(true);
    client.set_url_encode(false);
    const StopGuard guard(client, stop);
    if (stop.stop_requested()) return Error{ErrorCode::kCancelled, "the call was cancelled"};
    return Send(client, request, stop);
  }

  Result<std::string> Send(httplib::SSLClient& client, const Request& request,
                           const std::stop_token& stop) {
    const auto began = std::chrono::steady_clock::now();
    const auto is_late = [&] {
      return !request.is_stream && std::chrono::steady_clock::now() - began >= options_.timeout;
    };
    std::string body;
    int status = 0;
    httplib::Request http;
    http.method = request.method;
    http.path = request.path;
    http.headers = {{"Accept", "application/json, */*"}, {"User-Agent", "kubase"}};
    if (!request.content_type.empty()) http.set_header("Content-Type", request.content_type);
    http.body = request.body;
    http.response_handler = [&](const httplib::Response& response) {
      status = response.status;
      return true;
    };
    http.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
      if (stop.stop_requested() || is_late()) return false;
      if (request.on_data && status == 200) return request.on_data(data, size);
      body.append(data, size);
      return body.size() <= kBodyBytesMax;
    };
    httplib::Response response;
    httplib::Error failure = httplib::Error::Success;
    const bool answered = client.send(http, response, failure);
    if (stop.stop_requested()) return Error{ErrorCode::kCancelled, "the call was cancelled"};
    if (!answered) return SendError(failure, request, is_late());
    if (response.status >= 200 && response.status < 300) return body;
    return StatusError(response.status, body);
  }

  Error SendError(httplib::Error failure, const Request& request, bool is_late) const {
    const std::string server =
        fmt::format("the Kubernetes API at {}:{}", options_.host, options_.port);
    switch (failure) {
      case httplib::Error::Connection:
      case httplib::Error::ConnectionTimeout:
      case httplib::Error::SSLConnection:
        return Error{ErrorCode::kUnavailable, fmt::format("cannot connect to {}", server)};
      case httplib::Error::SSLLoadingCerts:
      case httplib::Error::SSLServerVerification:
        return Error{ErrorCode::kUnavailable,
                     fmt::format("{} is not ours: its certificate is not of the CA {}", server,
                                 options_.ca.string())};
      default:
        break;
    }
    if (request.method != "GET") {
      return Error{ErrorCode::kOutcomeUnknown, fmt::format("no answer came from {}", server)};
    }
    if (is_late)
      return Error{ErrorCode::kDeadlineExceeded, fmt::format("{} took too long", server)};
    return Error{ErrorCode::kUnavailable, fmt::format("the connection to {} broke", server)};
  }

  const KubeClientOptions options_;
};

}  // namespace

std::unique_ptr<KubeClient> MakeKubeClient(const KubeClientOptions& options) {
  return std::make_unique<HttpsKubeClient>(options);
}

}  // namespace kubase::launcher
