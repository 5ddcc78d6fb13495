// grpc.health.v1.Health for the whole server (service ""), answered from the store's own state: it
// serves unless the store says why not.
#pragma once

#include "shim/wire/edge.h"
#include "shim/wire/health.grpc.pb.h"
#include "shim/wire/raw_service.h"

namespace kubase::wire {

using RawHealth = RawService<grpc::health::v1::Health::Service,
                             grpc::health::v1::Health::WithRawCallbackMethod_Check,
                             grpc::health::v1::Health::WithRawCallbackMethod_Watch>;

// The edge must outlive the server that runs the service.
class HealthService final : public RawHealth {
 public:
  explicit HealthService(Edge& edge);

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;
  // Sends the state, and again when it changes; it looks once a second while somebody watches.
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request) override;

 private:
  Edge& edge_;
  MethodMetrics check_;
  MethodMetrics watch_;
};

}  // namespace kubase::wire
