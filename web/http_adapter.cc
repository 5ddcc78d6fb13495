// The stream in memory, the headers on every reply, and what the library may see of a request.
#include "web/http_adapter.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

namespace kubase::web {
namespace {

// On every reply, also on errors. Nothing comes from another origin and nothing is inline.
httplib::Headers SecurityHeaders() {
  return {
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
       "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
  };
}

// The one request that the library reads, and the reply that it writes.
class HeadStream final : public httplib::Stream {
 public:
  HeadStream(std::string head, Reach reach) : head_(std::move(head)), reach_(reach) {}

  std::string TakeReply() { return std::move(reply_); }

  bool is_readable() const override { return read_ < head_.size(); }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, size_t size) override {
    const size_t count = head_.copy(to, size, read_);
    read_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* from, size_t size) override {
    reply_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  // The reach travels through the library as the remote port, the one number it carries for us.
  void get_remote_ip_and_port(std::string&, int& port) const override {
    port = static_cast<int>(reach_);
  }
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return -1; }

 private:
  const std::string head_;
  const Reach reach_;
  size_t read_ = 0;
  std::string reply_;
};

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

bool IsOneOf(std::string_view name, const auto& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view other) { return EqualsIgnoringCase(name, other); });
}

struct CleanHead {
  std::string text;
  bool has_body = false;
};

// The request line and the headers that an answer depends on. The rest never reaches the library:
// ranges (it would assemble thousands of them), bodies, compression, expectations.
CleanHead Clean(const std::string& head) {
  static constexpr std::array<std::string_view, 3> kKept = {"Host", "Connection", "If-None-Match"};
  static constexpr std::array<std::string_view, 2> kBody = {"Transfer-Encoding", "Content-Length"};
  const size_t line_end = head.find("\r\n");
  CleanHead clean{head.substr(0, line_end + 2)};
  for (size_t at = line_end + 2; at < head.size();) {
    const size_t end = head.find("\r\n", at);
    const std::string_view line = std::string_view(head).substr(at, end - at);
    const std::string_view name = line.substr(0, line.find(':'));
    if (IsOneOf(name, kBody)) clean.has_body = true;
    if (IsOneOf(name, kKept)) clean.text.append(line).append("\r\n");
    at = end + 2;
  }
  clean.text += "\r\n";
  return clean;
}

// What the library refuses by itself: a malformed request, a target that is too long.
void ExplainRefusal(const httplib::Request&, httplib::Response& response) {
  if (!response.body.empty()) return;
  response.set_header("Connection", "close");
  Respond(response, response.status,
          response.status == 414 ? "The request target is too long.\n"
                                 : "This is not a request that this server understands.\n");
}

void FinishHeaders(const httplib::Request&, httplib::Response& response) {
  response.headers.erase("Keep-Alive");
  response.headers.erase("Accept-Ranges");
  if (!response.has_header("Cache-Control")) response.set_header("Cache-Control", "no-store");
}

}  // namespace

HttpAdapter::HttpAdapter(Route route, Log& log) : route_(std::move(route)), log_(log) {
  set_default_headers(SecurityHeaders());
  set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    route_(request, response, static_cast<Reach>(request.remote_port));
    return HandlerResponse::Handled;
  });
  set_exception_handler([this](const httplib::Request&, httplib::Response& response,
                               std::exception_ptr thrown) { ReportException(response, thrown); });
  set_error_handler(httplib::Server::Handler(ExplainRefusal));
  set_post_routing_handler(FinishHeaders);
}

Reply HttpAdapter::Process(const std::string& head, Reach reach) {
  const CleanHead clean = Clean(head);
  HeadStream stream(clean.text, reach);
  bool closed_by_client = false;
  // Its result tells only whether the stream took all bytes, which this one always does.
  process_request(stream, clean.has_body, closed_by_client, nullptr);
  Reply reply{.bytes = stream.TakeReply(), .close = clean.has_body || closed_by_client};
  const std::string_view headers =
      std::string_view(reply.bytes).substr(0, reply.bytes.find("\r\n\r\n"));
  reply.close = reply.close || headers.find("\r\nConnection: close") != std::string_view::npos;
  return reply;
}

void HttpAdapter::ReportException(httplib::Response& response, const std::exception_ptr& thrown) {
  std::string reason = "not a standard exception";
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    reason = e.what();
  } catch (...) {  // logged below with the reason that stands there already
  }
  log_.Error("could not answer a request of the status server", {{"reason", reason}});
  Respond(response, 500, "The answer could not be made; the log of kubase tells why.\n");
}

void Respond(httplib::Response& response, int status, std::string body, const char* type) {
  response.status = status;
  response.set_content(std::move(body), type);
}

}  // namespace kubase::web
