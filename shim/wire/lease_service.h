// etcdserverpb.Lease: grants, revocations, the keep-alive stream and questions about leases.
#pragma once

#include "shim/wire/edge.h"
#include "shim/wire/rpc.grpc.pb.h"

namespace kubase::wire {

// The edge must outlive the server that runs the service.
class LeaseService final : public etcdserverpb::Lease::CallbackService {
 public:
  explicit LeaseService(Edge& edge);

  grpc::ServerUnaryReactor* LeaseGrant(grpc::CallbackServerContext* context,
                                       const etcdserverpb::LeaseGrantRequest* request,
                                       etcdserverpb::LeaseGrantResponse* response) override;
  grpc::ServerUnaryReactor* LeaseRevoke(grpc::CallbackServerContext* context,
                                        const etcdserverpb::LeaseRevokeRequest* request,
                                        etcdserverpb::LeaseRevokeResponse* response) override;
  grpc::ServerBidiReactor<etcdserverpb::LeaseKeepAliveRequest,
                          etcdserverpb::LeaseKeepAliveResponse>*
  LeaseKeepAlive(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* LeaseTimeToLive(
      grpc::CallbackServerContext* context, const etcdserverpb::LeaseTimeToLiveRequest* request,
      etcdserverpb::LeaseTimeToLiveResponse* response) override;
  grpc::ServerUnaryReactor* LeaseLeases(grpc::CallbackServerContext* context,
                                        const etcdserverpb::LeaseLeasesRequest* request,
                                        etcdserverpb::LeaseLeasesResponse* response) override;

 private:
  Edge& edge_;
  MethodMetrics grant_;
  MethodMetrics revoke_;
  MethodMetrics keep_alive_;
  MethodMetrics time_to_live_;
  MethodMetrics leases_;
};

}  // namespace kubase::wire
