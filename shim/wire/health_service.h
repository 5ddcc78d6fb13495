// grpc.health.v1.Health for the whole server (service ""), answered from the store's own state: it
// serves unless the store says why not.
#pragma once

#include "shim/wire/edge.h"
#include "shim/wire/health.grpc.pb.h"

namespace kubase::wire {

// The edge must outlive the server that runs the service.
class HealthService final : public grpc::health::v1::Health::CallbackService {
 public:
  explicit HealthService(Edge& edge);

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override;
  // Sends the state, and again when it changes; it looks once a second while somebody watches.
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request) override;

 private:
  Edge& edge_;
  MethodMetrics check_;
  MethodMetrics watch_;
};

}  // namespace kubase::wire
