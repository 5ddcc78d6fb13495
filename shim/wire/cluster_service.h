// etcdserverpb.Cluster: one member, which cannot be changed by clients.
#pragma once

#include "shim/wire/edge.h"
#include "shim/wire/raw_service.h"
#include "shim/wire/rpc.grpc.pb.h"

namespace kubase::wire {

using RawCluster = RawService<etcdserverpb::Cluster::Service,
                              etcdserverpb::Cluster::WithRawCallbackMethod_MemberAdd,
                              etcdserverpb::Cluster::WithRawCallbackMethod_MemberRemove,
                              etcdserverpb::Cluster::WithRawCallbackMethod_MemberUpdate,
                              etcdserverpb::Cluster::WithRawCallbackMethod_MemberList,
                              etcdserverpb::Cluster::WithRawCallbackMethod_MemberPromote>;

// The edge must outlive the server that runs the service.
class ClusterService final : public RawCluster {
 public:
  explicit ClusterService(Edge& edge);

  grpc::ServerUnaryReactor* MemberAdd(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* MemberRemove(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* MemberUpdate(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* MemberList(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* MemberPromote(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;

 private:
  // How a change of the member `id` is refused, when it is there and when it is not.
  grpc::Status Refuse(uint64_t id) const;

  Edge& edge_;
  MethodMetrics add_;
  MethodMetrics remove_;
  MethodMetrics update_;
  MethodMetrics list_;
  MethodMetrics promote_;
};

}  // namespace kubase::wire
