// StatusServer: the status page, metrics and health over HTTP, from a StatusSource.
//
// Paths: / (the page), /api/status, /metrics, /livez, /readyz, /healthz, /version. The page and
// /api/status are answered on the unix socket and on loopback connections only, whatever the bind
// address; metrics, health and version on all; /api/gc/preview on the unix socket alone.
#pragma once

#include <prometheus/collectable.h>

#include <memory>
#include <string>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/executor.h"
#include "shim/base/log.h"
#include "shim/base/result.h"
#include "web/endpoints.h"
#include "web/http_transport.h"
#include "web/status_source.h"

namespace kubase::web {

struct StatusServerOptions {
  std::string bind_address = "127.0.0.1:0";  // HOST:PORT, ":PORT" all interfaces; empty: no TCP
  std::string unix_socket;                   // path of a socket file, made 0600; empty: none
  EndpointOptions endpoints;
  TransportLimits limits;
};

class StatusServer {
 public:
  // Serves from now on. `metrics` is usually the process's prometheus::Registry; process metrics
  // and those of the source are added to it. All references must outlive the server.
  // kInvalidArgument: a malformed address, or none at all. kAlreadyExists: port or socket in use.
  // kPermissionDenied, kUnavailable: the operating system refuses.
  static Result<std::unique_ptr<StatusServer>> Start(const StatusServerOptions& options,
                                                     const Sources& sources,
                                                     const prometheus::Collectable& metrics,
                                                     Log& log, const Clock& clock);
  ~StatusServer();

  // "127.0.0.1:41234" with the real port; empty without TCP.
  const std::string& address() const { return address_; }
  // "http://127.0.0.1:41234/", for people; empty without TCP.
  std::string url() const;

  // Ends all connections and waits for the requests that are being answered. Idempotent.
  void Stop();

 private:
  StatusServer(const EndpointOptions& options, const Sources& sources,
               const prometheus::Collectable& metrics, Log& log, const Clock& clock);

  bool Dispatch(HttpTransport::Request request);

  // Stop ends the transport first, since its thread posts to the executors; then the executors,
  // whose work answers through the endpoints.
  std::string address_;
  std::unique_ptr<Log> log_;
  Endpoints endpoints_;
  std::unique_ptr<HttpTransport> transport_;
  Executor probes_;  // health answers do not queue behind pages and scrapes
  Executor pages_;
  Executor previews_;  // a long one holds up no page
};

}  // namespace kubase::web
