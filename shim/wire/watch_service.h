// etcdserverpb.Watch: one gRPC stream carries many watchers.
#pragma once

#include "shim/wire/edge.h"
#include "shim/wire/raw_service.h"
#include "shim/wire/rpc.grpc.pb.h"

namespace kubase::wire {

using RawWatch =
    RawService<etcdserverpb::Watch::Service, etcdserverpb::Watch::WithRawCallbackMethod_Watch>;

// The edge must outlive the server that runs the service.
class WatchService final : public RawWatch {
 public:
  explicit WatchService(Edge& edge);

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Watch(
      grpc::CallbackServerContext* context) override;

 private:
  Edge& edge_;
  MethodMetrics watch_;
};

}  // namespace kubase::wire
