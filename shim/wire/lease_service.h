// etcdserverpb.Lease: grants, revocations, the keep-alive stream and questions about leases.
#pragma once

#include "shim/wire/edge.h"
#include "shim/wire/raw_service.h"
#include "shim/wire/rpc.grpc.pb.h"

namespace kubase::wire {

using RawLease =
    RawService<etcdserverpb::Lease::Service, etcdserverpb::Lease::WithRawCallbackMethod_LeaseGrant,
               etcdserverpb::Lease::WithRawCallbackMethod_LeaseRevoke,
               etcdserverpb::Lease::WithRawCallbackMethod_LeaseKeepAlive,
               etcdserverpb::Lease::WithRawCallbackMethod_LeaseTimeToLive,
               etcdserverpb::Lease::WithRawCallbackMethod_LeaseLeases>;

// The edge must outlive the server that runs the service.
class LeaseService final : public RawLease {
 public:
  explicit LeaseService(Edge& edge);

  grpc::ServerUnaryReactor* LeaseGrant(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* LeaseRevoke(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* LeaseKeepAlive(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* LeaseTimeToLive(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* LeaseLeases(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;

 private:
  Edge& edge_;
  MethodMetrics grant_;
  MethodMetrics revoke_;
  MethodMetrics keep_alive_;
  MethodMetrics time_to_live_;
  MethodMetrics leases_;
};

}  // namespace kubase::wire
