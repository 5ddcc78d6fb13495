// Builds the parts in the order of their dependencies and takes them down in reverse.
#include "shim/wire/server.h"

#include <absl/synchronization/mutex.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <future>
#include <optional>
#include <utility>

#include "shim/base/limits.h"
#include "shim/wire/auth_service.h"
#include "shim/wire/cluster_service.h"
#include "shim/wire/edge.h"
#include "shim/wire/health_service.h"
#include "shim/wire/http_endpoint.h"
#include "shim/wire/kv_service.h"
#include "shim/wire/lease_service.h"
#include "shim/wire/listener.h"
#include "shim/wire/maintenance_service.h"
#include "shim/wire/status_map.h"
#include "shim/wire/tls_files.h"
#include "shim/wire/watch_service.h"

namespace kubase::wire {
namespace {

using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

constexpr std::chrono::seconds kStorePatience{30};  // for the first answer of the store

struct Services {
  explicit Services(Edge& edge)
      : kv(edge),
        watch(edge),
        lease(edge),
        cluster(edge),
        maintenance(edge),
        auth(edge),
        health(edge) {}

  void Register(grpc::ServerBuilder& builder) {
    for (grpc::Service* service : std::initializer_list<grpc::Service*>{
             &kv, &watch, &lease, &cluster, &maintenance, &auth, &health}) {
      builder.RegisterService(service);
    }
  }

  KvService kv;
  WatchService watch;
  LeaseService lease;
  ClusterService cluster;
  MaintenanceService maintenance;
  AuthService auth;
  HealthService health;
};

// Clients ping every 30 s with and without calls, and etcd allows a ping each 5 s; a GOAWAY for too
// many pings would tear down every watch of an apiserver. The server's own pings are etcd's.
void SetTransportArguments(grpc::ServerBuilder& builder) {
  constexpr int kClientPingMs = 5'000;
  constexpr int kServerPingMs = 2 * 60 * 60 * 1000;
  constexpr int kServerPingTimeoutMs = 20'000;
  constexpr int kHandshakeMs = 10'000;
  constexpr int kMetadataBytes = 64 * 1024;  // selectors come in metadata; Go's limit is 16 MB
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kClientPingMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kServerPingMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kServerPingTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytes);
  builder.SetMaxReceiveMessageSize(
      static_cast<int>(limits::kRequestBytesMax + limits::kGrpcOverheadBytes));
  builder.SetMaxSendMessageSize(-1);
}

// shared: the caller that gives up waiting and the store that still answers.
Result<store::StoreStatus> AskStatus(store::Store& store) {
  auto answered = std::make_shared<std::promise<Result<store::StoreStatus>>>();
  std::future<Result<store::StoreStatus>> answer = answered->get_future();
  store.Status(
      [answered](Result<store::StoreStatus> status) { answered->set_value(std::move(status)); });
  if (answer.wait_for(kStorePatience) != std::future_status::ready) {
    return Error{ErrorCode::kUnavailable, "the store did not say its state in 30 s"};
  }
  return answer.get();
}

Listener::Mode ModeOf(const ListenAddress& address, bool tls_files) {
  switch (address.scheme) {
    case ListenAddress::Scheme::kHttps:
      return Listener::Mode::kTls;
    case ListenAddress::Scheme::kNone:
      return tls_files ? Listener::Mode::kTls : Listener::Mode::kMixed;
    case ListenAddress::Scheme::kHttp:
    case ListenAddress::Scheme::kUnix:
      break;
  }
  return Listener::Mode::kMixed;
}

Result<std::vector<Listener::Endpoint>> ListenOnAll(const ServerOptions& options, bool tls_files) {
  if (options.listen_addresses.empty()) {
    return Error{ErrorCode::kInvalidArgument, "there is no address to listen on"};
  }
  std::vector<Listener::Endpoint> endpoints;
  for (const std::string& text : options.listen_addresses) {
    KUBASE_ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(text));
    const Listener::Mode mode = ModeOf(address, tls_files);
    if (mode == Listener::Mode::kTls && !tls_files) {
      return Error{ErrorCode::kInvalidArgument,
                   text + " needs a TLS certificate and key; give their files or use http://"};
    }
    KUBASE_ASSIGN_OR_RETURN(ListeningSocket socket, Listen(address));
    endpoints.push_back({std::move(socket), mode});
  }
  if (options.http_address.empty()) return endpoints;
  KUBASE_ASSIGN_OR_RETURN(const ListenAddress http, ParseListenAddress(options.http_address));
  KUBASE_ASSIGN_OR_RETURN(ListeningSocket socket, Listen(http));
  endpoints.push_back({std::move(socket), Listener::Mode::kHttp});
  return endpoints;
}

std::string UrlOf(const Listener::Endpoint& endpoint) {
  const std::string& address = endpoint.socket.address;
  if (address.starts_with("unix://")) return address;
  return (endpoint.mode == Listener::Mode::kTls ? "https://" : "http://") + address;
}

}  // namespace

// In the order of construction; what stands below uses what stands above.
struct Server::Parts {
  Parts(store::Store& store, prometheus::Registry& registry, Log& log, const Clock& clock,
        const EtcdVersion& version)
      : metrics(registry),
        edge{store, clock, log, gate, metrics, {}, version, {}},
        http(store, version) {}

  Result<void> BuildGrpc(std::shared_ptr<grpc::ServerCredentials> tls);
  Result<void> Listen(std::vector<Listener::Endpoint> endpoints);
  void HandOver(Listener::HandedOver connection);

  RpcMetrics metrics;
  Gate gate;
  Edge edge;
  HttpEndpoint http;
  std::optional<Services> services;
  std::unique_ptr<Acceptor> plain_acceptor;
  std::unique_ptr<Acceptor> tls_acceptor;  // null without TLS
  std::unique_ptr<grpc::Server> grpc_server;
  std::unique_ptr<Listener> listener;
  std::vector<std::string> addresses;
  std::string http_address;
  bool stopped = false;
};

Result<void> Server::Parts::BuildGrpc(std::shared_ptr<grpc::ServerCredentials> tls) {
  using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  services.emplace(edge);
  grpc::ServerBuilder builder;
  SetTransportArguments(builder);
  services->Register(builder);
  plain_acceptor = builder.experimental().AddExternalConnectionAcceptor(
      Type::FROM_FD, grpc::InsecureServerCredentials());
  if (tls != nullptr) {
    tls_acceptor =
        builder.experimental().AddExternalConnectionAcceptor(Type::FROM_FD, std::move(tls));
  }
  grpc_server = builder.BuildAndStart();
  if (grpc_server == nullptr) return Error{ErrorCode::kInternal, "the gRPC server cannot start"};
  return Ok();
}

Result<void> Server::Parts::Listen(std::vector<Listener::Endpoint> endpoints) {
  Listener::Options options;
  options.endpoints = std::move(endpoints);
  options.hand_over = [this](Listener::HandedOver connection) { HandOver(std::move(connection)); };
  options.answer = [this](std::string_view head, HttpEndpoint::Done done) {
    http.Handle(head, std::move(done));
  };
  KUBASE_ASSIGN_OR_RETURN(listener, Listener::Start(std::move(options), edge.clock, edge.log));
  return Ok();
}

void Server::Parts::HandOver(Listener::HandedOver connection) {
  Acceptor::NewConnectionParameters parameters;
  parameters.listener_fd = connection.listener_fd;
  parameters.fd = connection.fd.Release();  // gRPC's from here on
  if (!connection.bytes.empty()) {
    const grpc::Slice slice(connection.bytes);
    parameters.read_buffer = grpc::ByteBuffer(&slice, 1);
  }
  (connection.tls ? tls_acceptor : plain_acceptor)->HandleNewConnection(&parameters);
}

Result<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, store::Store& store,
                                              prometheus::Registry& registry, Log& log,
                                              const Clock& clock) {
  // Debian's build looks for lock cycles at every lock that gRPC takes, behind one global lock.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  KUBASE_ASSIGN_OR_RETURN(const EtcdVersion version, ParseEtcdVersion(options.etcd_version));
  const TlsFiles files{options.tls_certificate_file, options.tls_key_file,
                       options.tls_client_ca_file};
  std::shared_ptr<grpc::ServerCredentials> tls;
  if (files.enabled()) {
    KUBASE_ASSIGN_OR_RETURN(tls, LoadTls(files));
  }
  KUBASE_ASSIGN_OR_RETURN(const store::StoreStatus status, AskStatus(store));
  KUBASE_ASSIGN_OR_RETURN(std::vector<Listener::Endpoint> endpoints,
                          ListenOnAll(options, files.enabled()));
  auto parts = std::make_unique<Parts>(store, registry, log, clock, version);
  parts->edge.identity = {status.cluster_id, status.member_id};
  for (const Listener::Endpoint& endpoint : endpoints) {
    if (endpoint.mode == Listener::Mode::kHttp) {
      parts->http_address = endpoint.socket.address;
    } else {
      parts->addresses.push_back(endpoint.socket.address);
      parts->edge.client_urls.push_back(UrlOf(endpoint));
    }
  }
  if (!options.advertised_urls.empty()) parts->edge.client_urls = options.advertised_urls;
  std::unique_ptr<Server> server(new Server(std::move(parts)));
  KUBASE_TRY(server->parts_->BuildGrpc(std::move(tls)));
  KUBASE_TRY(server->parts_->Listen(std::move(endpoints)));
  return server;
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() {
  Stop(std::chrono::milliseconds(0));
}

void Server::Stop(std::chrono::milliseconds drain) {
  constexpr std::chrono::milliseconds kFlush{200};  // before what is left of calls is cancelled
  Parts& parts = *parts_;
  if (std::exchange(parts.stopped, true)) return;
  if (parts.listener != nullptr) parts.listener->Stop();
  parts.gate.Close(ToStatus(Refusal::kServerStopped));
  if (!parts.gate.WaitUntilIdle(drain)) {
    parts.edge.log.Warning("Calls that did not finish in time are cancelled", {});
  }
  if (parts.listener != nullptr) parts.listener->CloseHandedOver();
  if (parts.grpc_server != nullptr) {
    parts.grpc_server->Shutdown(std::chrono::system_clock::now() + kFlush);
    parts.grpc_server->Wait();
  }
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

const std::vector<std::string>& Server::addresses() const {
  return parts_->addresses;
}

const std::string& Server::http_address() const {
  return parts_->http_address;
}

}  // namespace kubase::wire
