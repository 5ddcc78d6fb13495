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

// What is wrong, in etcd's words; empty: nothing. Called exactly once, from any thread.
using HealthDone = std::function<void(std::string problem)>;

// etcd's checks: no alarm, and a linearizable read that succeeds. `query`: of the request.
void CheckStoreHealth(store::Store& store, const std::string& query, HealthDone done);

// Any thread.
class HttpEndpoint {
 public:
  using Done = std::function<void(std::string response)>;
  using CheckHealth = std::function<void(const std::string& query, HealthDone done)>;

  // Answers may still come after the endpoint is gone.
  HttpEndpoint(CheckHealth check_health, EtcdVersion version);

  // Answers exactly once: at once, or from a thread of who checks the health.
  void Handle(std::string_view head, Done done);

 private:
  const CheckHealth check_health_;
  const EtcdVersion version_;
};

}  // namespace kubase::wire
