// etcdserverpb.Watch: one gRPC stream carries many watchers.
#pragma once

#include "shim/wire/edge.h"
#include "shim/wire/rpc.grpc.pb.h"

namespace kubase::wire {

// The edge must outlive the server that runs the service.
class WatchService final : public etcdserverpb::Watch::CallbackService {
 public:
  explicit WatchService(Edge& edge);

  grpc::ServerBidiReactor<etcdserverpb::WatchRequest, etcdserverpb::WatchResponse>* Watch(
      grpc::CallbackServerContext* context) override;

 private:
  Edge& edge_;
  MethodMetrics watch_;
};

}  // namespace kubase::wire
