// gRPC without sockets of its own.
#include "shim/wire/store_target.h"

#include <sys/socket.h>

#include <future>
#include <utility>

#include "shim/base/limits.h"
#include "shim/wire/auth_service.h"
#include "shim/wire/cluster_service.h"
#include "shim/wire/health_service.h"
#include "shim/wire/kv_service.h"
#include "shim/wire/lease_service.h"
#include "shim/wire/maintenance_service.h"
#include "shim/wire/status_map.h"
#include "shim/wire/tls_credentials.h"
#include "shim/wire/watch_service.h"

namespace kubase::wire {
namespace {

constexpr std::chrono::seconds kStorePatience{30};  // for the first answer of the store
constexpr std::chrono::milliseconds kFlush{200};    // before what is left of calls is cancelled

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

}  // namespace

struct StoreTarget::Services {
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

Result<std::unique_ptr<StoreTarget>> StoreTarget::Start(const Options& options) {
  KUBASE_ASSIGN_OR_RETURN(const store::StoreStatus status, AskStatus(options.store));
  std::unique_ptr<StoreTarget> target(
      new StoreTarget(options, {status.cluster_id, status.member_id}));
  KUBASE_TRY(target->Build(options.tls));
  return target;
}

StoreTarget::StoreTarget(const Options& options, const Identity& identity)
    : term_(options.term),
      edge_{options.store,   options.clock, options.log,     gate_,
            options.metrics, identity,      options.version, options.client_urls},
      services_(std::make_unique<Services>(edge_)) {}

StoreTarget::~StoreTarget() {
  gate_.Close(ToStatus(Refusal::kServerStopped));
  if (grpc_server_ == nullptr) return;
  grpc_server_->Shutdown(std::chrono::system_clock::now() + kFlush);
  grpc_server_->Wait();
}

Result<void> StoreTarget::Build(TlsSource* tls) {
  using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  grpc::ServerBuilder builder;
  SetTransportArguments(builder);
  services_->Register(builder);
  plain_acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      Type::FROM_FD, grpc::InsecureServerCredentials());
  if (tls != nullptr) {
    tls_acceptor_ =
        builder.experimental().AddExternalConnectionAcceptor(Type::FROM_FD, TlsCredentials(*tls));
  }
  grpc_server_ = builder.BuildAndStart();
  if (grpc_server_ == nullptr) return Error{ErrorCode::kInternal, "the gRPC server cannot start"};
  return Ok();
}

void StoreTarget::Take(Listener::HandedOver connection) {
  // The other takes this process for one that leads, and will learn better: it dials again.
  if (connection.forwarded_term && *connection.forwarded_term != term_) {
    ::shutdown(connection.fd.get(), SHUT_RDWR);
    return;
  }
  Acceptor::NewConnectionParameters parameters;
  parameters.listener_fd = connection.listener_fd;
  parameters.fd = connection.fd.Release();  // gRPC's from here on
  if (!connection.bytes.empty()) {
    const grpc::Slice slice(connection.bytes);
    parameters.read_buffer = grpc::ByteBuffer(&slice, 1);
  }
  (connection.tls ? tls_acceptor_ : plain_acceptor_)->HandleNewConnection(&parameters);
}

void StoreTarget::CheckHealth(const std::string& query, HealthDone done) {
  CheckStoreHealth(edge_.store, query, std::move(done));
}

void StoreTarget::Drain(std::chrono::milliseconds longest) {
  gate_.Close(ToStatus(Refusal::kServerStopped));
  if (!gate_.WaitUntilIdle(longest)) {
    edge_.log.Warning("Calls that did not finish in time are cancelled", {});
  }
}

}  // namespace kubase::wire
