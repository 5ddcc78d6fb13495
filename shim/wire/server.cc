// Builds the parts in the order of their dependencies and takes them down in reverse.
#include "shim/wire/server.h"

#include <absl/synchronization/mutex.h>

#include <future>
#include <utility>

#include "shim/wire/http_endpoint.h"
#include "shim/wire/listener.h"
#include "shim/wire/rpc_metrics.h"
#include "shim/wire/store_target.h"
#include "shim/wire/tls_source.h"

namespace kubase::wire {
namespace {

using Speech = FrontConnection::Speech;

Speech SpeechOf(const ListenAddress& address, bool tls_files) {
  switch (address.scheme) {
    case ListenAddress::Scheme::kHttps:
      return Speech::kTls;
    case ListenAddress::Scheme::kNone:
      return tls_files ? Speech::kTls : Speech::kMixed;
    case ListenAddress::Scheme::kHttp:
    case ListenAddress::Scheme::kUnix:
      break;
  }
  return Speech::kMixed;
}

Result<std::vector<Listener::Endpoint>> ListenOnAll(const ServerOptions& options, bool tls_files) {
  if (options.listen_addresses.empty()) {
    return Error{ErrorCode::kInvalidArgument, "there is no address to listen on"};
  }
  std::vector<Listener::Endpoint> endpoints;
  for (const std::string& text : options.listen_addresses) {
    KUBASE_ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(text));
    const Speech speech = SpeechOf(address, tls_files);
    if (speech == Speech::kTls && !tls_files) {
      return Error{ErrorCode::kInvalidArgument,
                   text + " needs a TLS certificate and key; give their files or use http://"};
    }
    KUBASE_ASSIGN_OR_RETURN(ListeningSocket socket, Listen(address));
    endpoints.push_back({std::move(socket), speech});
  }
  return endpoints;
}

std::string UrlOf(const Listener::Endpoint& endpoint) {
  const std::string& address = endpoint.socket.address;
  if (address.starts_with("unix://")) return address;
  return (endpoint.speech == Speech::kTls ? "https://" : "http://") + address;
}

}  // namespace

// In the order of construction; what stands below uses what stands above.
struct Server::Parts {
  Parts(prometheus::Registry& registry, Log& l, const Clock& c, const EtcdVersion& v)
      : log(l),
        clock(c),
        version(v),
        metrics(registry),
        http([this](const std::string& query,
                    HealthDone done) { CheckHealth(query, std::move(done)); },
             v) {}

  Result<void> Listen(std::vector<Listener::Endpoint> endpoints);
  // On the listener's thread.
  void CheckHealth(const std::string& query, HealthDone done);
  // From now on connections go to `next`; null: they wait.
  void Switch(ConnectionTarget* next);
  // What was served or forwarded is over; the listener holds or has stopped.
  void End(std::chrono::milliseconds drain);

  Log& log;
  const Clock& clock;
  const EtcdVersion version;
  std::unique_ptr<TlsSource> tls;  // null: none
  std::vector<std::string> addresses;
  std::vector<std::string> client_urls;
  RpcMetrics metrics;
  HttpEndpoint http;
  std::unique_ptr<StoreTarget> store;    // at most one of these two
  std::unique_ptr<Forwarder> forwarder;  // to `leader`
  Leader leader;
  ConnectionTarget* target = nullptr;  // the listener's thread, as long as it runs
  std::unique_ptr<Listener> listener;
  bool stopped = false;
};

Result<void> Server::Parts::Listen(std::vector<Listener::Endpoint> endpoints) {
  Listener::Options options;
  options.endpoints = std::move(endpoints);
  options.hand_over = [this](Listener::HandedOver connection) {
    target->Take(std::move(connection));
  };
  options.answer = [this](std::string_view head, HttpEndpoint::Done done) {
    http.Handle(head, std::move(done));
  };
  KUBASE_ASSIGN_OR_RETURN(listener, Listener::Start(std::move(options), clock, log));
  return Ok();
}

void Server::Parts::CheckHealth(const std::string& query, HealthDone done) {
  if (target == nullptr) return done("no leader");
  target->CheckHealth(query, std::move(done));
}

void Server::Parts::Switch(ConnectionTarget* next) {
  listener->Switch(next == nullptr, [&] { target = next; });
}

void Server::Parts::End(std::chrono::milliseconds drain) {
  if (store != nullptr) store->Drain(drain);
  listener->CloseHandedOver();
  store.reset();
  forwarder.reset();
}

Result<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                              prometheus::Registry& registry, Log& log,
                                              const Clock& clock) {
  // Debian's build looks for lock cycles at every lock that gRPC takes, behind one global lock.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  KUBASE_ASSIGN_OR_RETURN(const EtcdVersion version, ParseEtcdVersion(options.etcd_version));
  const TlsFiles files{options.tls_certificate_file, options.tls_key_file,
                       options.tls_client_ca_file};
  auto parts = std::make_unique<Parts>(registry, log, clock, version);
  if (files.enabled()) {
    KUBASE_ASSIGN_OR_RETURN(parts->tls, TlsSource::Open(files, log));
  }
  KUBASE_ASSIGN_OR_RETURN(std::vector<Listener::Endpoint> endpoints,
                          ListenOnAll(options, files.enabled()));
  for (const Listener::Endpoint& endpoint : endpoints) {
    parts->addresses.push_back(endpoint.socket.address);
    parts->client_urls.push_back(UrlOf(endpoint));
  }
  std::unique_ptr<Server> server(new Server(std::move(parts)));
  KUBASE_TRY(server->parts_->Listen(std::move(endpoints)));
  return server;
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() {
  Stop(std::chrono::milliseconds(0));
}

Result<void> Server::Serve(store::Store& store, int64_t term) {
  Parts& parts = *parts_;
  Hold(std::chrono::milliseconds(0));
  KUBASE_ASSIGN_OR_RETURN(parts.store, StoreTarget::Start({.store = store,
                                                           .clock = parts.clock,
                                                           .log = parts.log,
                                                           .metrics = parts.metrics,
                                                           .version = parts.version,
                                                           .client_urls = parts.client_urls,
                                                           .tls = parts.tls.get(),
                                                           .term = term}));
  parts.Switch(parts.store.get());
  return Ok();
}

Result<void> Server::Forward(const Leader& leader) {
  Parts& parts = *parts_;
  KUBASE_CHECK(parts.store == nullptr);
  if (parts.forwarder != nullptr && parts.leader == leader) return Ok();
  Hold(std::chrono::milliseconds(0));
  KUBASE_ASSIGN_OR_RETURN(parts.forwarder, Forwarder::Start(leader, parts.clock, parts.log));
  parts.leader = leader;
  parts.Switch(parts.forwarder.get());
  return Ok();
}

void Server::Hold(std::chrono::milliseconds drain) {
  parts_->Switch(nullptr);
  parts_->End(drain);
}

void Server::Stop(std::chrono::milliseconds drain) {
  Parts& parts = *parts_;
  if (std::exchange(parts.stopped, true) || parts.listener == nullptr) return;
  parts.listener->Stop();
  parts.End(drain);
}

Result<void> Server::CheckAlive(std::chrono::milliseconds timeout) const {
  // shared: this call and the listener's thread, which may come to it later.
  auto answered = std::make_shared<std::promise<void>>();
  const std::future<void> answer = answered->get_future();
  parts_->listener->Ping([answered] { answered->set_value(); });
  if (answer.wait_for(timeout) == std::future_status::ready) return Ok();
  return Error{ErrorCode::kDeadlineExceeded, "the etcd API accepted no connection within " +
                                                 std::to_string(timeout.count()) + " ms"};
}

Result<void> Server::CheckHealth(std::chrono::milliseconds timeout) const {
  // shared: this call and who checks the health, which may answer later.
  auto answered = std::make_shared<std::promise<std::string>>();
  std::future<std::string> answer = answered->get_future();
  parts_->listener->Ping([&parts = *parts_, answered] {
    parts.CheckHealth("",
                      [answered](std::string problem) { answered->set_value(std::move(problem)); });
  });
  if (answer.wait_for(timeout) != std::future_status::ready) {
    return Error{ErrorCode::kDeadlineExceeded, "it is not known within " +
                                                   std::to_string(timeout.count()) +
                                                   " ms whether clients are served"};
  }
  const std::string problem = answer.get();
  if (problem.empty()) return Ok();
  return Error{ErrorCode::kUnavailable, problem};
}

const std::vector<std::string>& Server::addresses() const {
  return parts_->addresses;
}

}  // namespace kubase::wire
