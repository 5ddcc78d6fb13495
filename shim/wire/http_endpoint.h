// HttpEndpoint: the two plain HTTP pages that etcd serves beside gRPC, /health and /version.
//
// Pure translation from a request head to a response; sockets are the listener's.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "shim/base/result.h"
#include "shim/store/store.h"
#include "shim/wire/etcd_version.h"

namespace kubase::wire {

struct HttpRequest {
  std::string method;
  std::string path;
  std::string query;  // without the question mark
};

// The request line of a complete head (to the empty line); none when it is no HTTP/1 request.
std::optional<HttpRequest> ParseHttpHead(std::string_view head);

// A whole HTTP/1.1 response that closes the connection.
std::string HttpResponse(int status, std::string_view content_type, std::string_view body);

// Any thread.
class HttpEndpoint {
 public:
  using Done = std::function<void(std::string response)>;

  // Answers may still come after the endpoint is gone; the store must outlive both.
  HttpEndpoint(store::Store& store, EtcdVersion version);

  // Answers exactly once: at once, or from a thread of the store.
  void Handle(std::string_view head, Done done);

 private:
  store::Store& store_;
  const EtcdVersion version_;
};

}  // namespace kubase::wire
