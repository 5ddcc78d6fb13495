// Assembly of listeners, transport, workers and endpoints.
#include "web/status_server.h"

namespace kubase::web {
namespace {

constexpr int kProbeThreads = 2;
constexpr int kPageThreads = 2;
// Requests that wait for a worker; each takes milliseconds.
constexpr size_t kWaitingMax = 64;

Result<std::vector<Listener>> OpenListeners(const StatusServerOptions& options) {
  std::vector<Listener> listeners;
  if (!options.bind_address.empty()) {
    KUBASE_ASSIGN_OR_RETURN(Listener tcp, Listener::Tcp(options.bind_address));
    listeners.push_back(std::move(tcp));
  }
  if (!options.unix_socket.empty()) {
    KUBASE_ASSIGN_OR_RETURN(Listener local, Listener::Unix(options.unix_socket));
    listeners.push_back(std::move(local));
  }
  if (listeners.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "the status server needs an address or a socket path to listen on"};
  }
  return listeners;
}

}  // namespace

Result<std::unique_ptr<StatusServer>> StatusServer::Start(const StatusServerOptions& options,
                                                          const Sources& sources,
                                                          const prometheus::Collectable& metrics,
                                                          Log& log, const Clock& clock) {
  KUBASE_ASSIGN_OR_RETURN(std::vector<Listener> listeners, OpenListeners(options));
  std::unique_ptr<StatusServer> server(
      new StatusServer(options.endpoints, sources, metrics, log, clock));
  if (!options.bind_address.empty()) server->address_ = listeners.front().address();
  KUBASE_ASSIGN_OR_RETURN(server->transport_,
                          HttpTransport::Start(
                              std::move(listeners), options.limits,
                              [raw = server.get()](HttpTransport::Request request) {
                                return raw->Dispatch(std::move(request));
                              },
                              clock));
  server->log_->Info("status server listens",
                     {{"address", server->address_}, {"socket", options.unix_socket}});
  return server;
}

StatusServer::StatusServer(const EndpointOptions& options, const Sources& sources,
                           const prometheus::Collectable& metrics, Log& log, const Clock& clock)
    : log_(log.WithComponent("web")),
      endpoints_(options, sources, metrics, *log_, clock),
      probes_({.name = "web-probes", .threads = kProbeThreads, .queue_max = kWaitingMax}),
      pages_({.name = "web-pages", .threads = kPageThreads, .queue_max = kWaitingMax}),
      previews_({.name = "web-previews", .threads = 1, .queue_max = kWaitingMax}) {}

StatusServer::~StatusServer() {
  Stop();
}

void StatusServer::Stop() {
  if (transport_) transport_->Stop();
  probes_.Stop();
  pages_.Stop();
  previews_.Stop();
}

std::string StatusServer::url() const {
  if (address_.empty()) return "";
  // An address that means every interface cannot be visited; this machine's loopback can.
  for (const std::string_view any : {"[::]:", "0.0.0.0:"}) {
    if (address_.compare(0, any.size(), any) == 0) {
      return "http://127.0.0.1:" + address_.substr(any.size()) + "/";
    }
  }
  return "http://" + address_ + "/";
}

bool StatusServer::Dispatch(HttpTransport::Request request) {
  Executor& lane = Endpoints::IsProbe(request.head)     ? probes_
                   : Endpoints::IsPreview(request.head) ? previews_
                                                        : pages_;
  return lane.Post([this, request = std::move(request)] {
    request.answer(endpoints_.Answer(request.head, request.reach));
  });
}

}  // namespace kubase::web
