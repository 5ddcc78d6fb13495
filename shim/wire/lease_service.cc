// Lease handlers and the keep-alive stream.
#include "shim/wire/lease_service.h"

#include <mutex>
#include <optional>
#include <utility>

#include "shim/wire/calls.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

constexpr const char* kLeaseService = "etcdserverpb.Lease";

// Renews one lease at a time: read, renew, write, read again. Exactly one of these is under way, so
// only the end, which may be wanted from outside at any moment, needs the lock.
class KeepAliveCall final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                            public OpenStream {
 public:
  KeepAliveCall(Edge& edge, MethodMetrics& metrics)
      : edge_(edge), record_(edge.clock, metrics), entered_(edge.gate.EnterStream(this)) {
    if (entered_) {
      Read();
    } else {
      End(ToStatus(Refusal::kServerStopped));
    }
  }

  void End(const grpc::Status& status) override {
    std::lock_guard lock(mutex_);
    if (!end_.has_value()) end_ = status;
    if (!renewing_) FinishLocked();
  }

 private:
  void Read() {
    std::lock_guard lock(mutex_);
    renewing_ = false;
    if (end_.has_value()) return FinishLocked();
    StartRead(&bytes_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End(grpc::Status::OK);  // the client has no more
    if (!Parse(&bytes_, &request_)) return End(ToStatus(Refusal::kBrokenMessage));
    {
      std::lock_guard lock(mutex_);
      if (ended_) return;
      renewing_ = true;
    }
    // The header is older than the renewal: a client must not see a lease alive at a revision at
    // which it was gone.
    FillHeader(edge_.identity, edge_.store.current_revision(), response_.mutable_header());
    response_.set_id(request_.id());
    edge_.store.KeepAlive(request_.id(), [this](Result<store::LeaseKeepAliveResponse> renewed) {
      OnRenewed(std::move(renewed));
    });
  }

  void OnRenewed(Result<store::LeaseKeepAliveResponse> renewed) {
    std::lock_guard lock(mutex_);
    if (!renewed.ok() && !end_.has_value()) end_ = ToStatus(renewed.error());
    if (end_.has_value()) return FinishLocked();
    response_.set_ttl(renewed->ttl_seconds);
    const Result<void> serialized = Serialize(response_, &bytes_);
    KUBASE_CHECK(serialized.ok());
    StartWrite(&bytes_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) OnCancel();
    Read();
  }
  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override {
    if (entered_) edge_.gate.LeaveStream(this);
    delete this;
  }

  void FinishLocked() {
    if (std::exchange(ended_, true)) return;
    record_.code = end_->error_code();
    Finish(*end_);
  }

  Edge& edge_;
  CallRecord record_;
  grpc::ByteBuffer bytes_;  // being read or written
  pb::LeaseKeepAliveRequest request_;
  pb::LeaseKeepAliveResponse response_;
  std::mutex mutex_;       // guards all below; gRPC never calls back from within an operation
  bool renewing_ = false;  // from a request read to its answer written: the end has to wait
  bool ended_ = false;     // Finish was called
  std::optional<grpc::Status> end_;
  const bool entered_;  // last: once it is known to the gate, End may come
};

}  // namespace

LeaseService::LeaseService(Edge& edge)
    : edge_(edge),
      grant_(edge.metrics, kLeaseService, "LeaseGrant", RpcType::kUnary),
      revoke_(edge.metrics, kLeaseService, "LeaseRevoke", RpcType::kUnary),
      keep_alive_(edge.metrics, kLeaseService, "LeaseKeepAlive", RpcType::kBidiStream),
      time_to_live_(edge.metrics, kLeaseService, "LeaseTimeToLive", RpcType::kUnary),
      leases_(edge.metrics, kLeaseService, "LeaseLeases", RpcType::kUnary) {}

grpc::ServerUnaryReactor* LeaseService::LeaseGrant(grpc::CallbackServerContext*,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::LeaseGrantRequest, pb::LeaseGrantResponse>(edge_, grant_, request,
                                                                            response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  edge_.store.Grant(call->request().id(), call->request().ttl(),
                    [call](Result<store::LeaseGrantResponse> lease) {
                      if (!lease.ok()) return call->Fail(lease.error());
                      call->response()->set_id(lease->id);
                      call->response()->set_ttl(lease->ttl_seconds);
                      call->Succeed(lease->revision);
                    });
  return reactor;
}

grpc::ServerUnaryReactor* LeaseService::LeaseRevoke(grpc::CallbackServerContext*,
                                                    const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::LeaseRevokeRequest, pb::LeaseRevokeResponse>(edge_, revoke_,
                                                                              request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  edge_.store.Revoke(call->request().id(),
                     [call](Result<store::Revision> revision) { call->AnswerHeader(revision); });
  return reactor;
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* LeaseService::LeaseKeepAlive(
    grpc::CallbackServerContext*) {
  return new KeepAliveCall(edge_, keep_alive_);
}

grpc::ServerUnaryReactor* LeaseService::LeaseTimeToLive(grpc::CallbackServerContext*,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::LeaseTimeToLiveRequest, pb::LeaseTimeToLiveResponse>(
      edge_, time_to_live_, request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  call->response()->set_id(call->request().id());
  edge_.store.TimeToLive(call->request().id(), call->request().keys(),
                         [call](Result<store::LeaseTimeToLiveResponse> lease) {
                           if (!lease.ok()) return call->Fail(lease.error());
                           call->response()->set_ttl(lease->ttl_seconds);
                           call->response()->set_granted_ttl(lease->granted_ttl_seconds);
                           for (std::string& key : lease->keys) {
                             call->response()->add_keys(std::move(key));
                           }
                           call->Succeed(lease->revision);
                         });
  return reactor;
}

grpc::ServerUnaryReactor* LeaseService::LeaseLeases(grpc::CallbackServerContext*,
                                                    const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::LeaseLeasesRequest, pb::LeaseLeasesResponse>(edge_, leases_,
                                                                              request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  edge_.store.List([this, call](Result<std::vector<store::LeaseId>> ids) {
    if (!ids.ok()) return call->Fail(ids.error());
    for (store::LeaseId id : *ids) call->response()->add_leases()->set_id(id);
    call->Succeed(edge_.store.current_revision());
  });
  return reactor;
}

}  // namespace kubase::wire
