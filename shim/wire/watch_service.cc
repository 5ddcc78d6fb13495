// The service is the factory of the streams.
#include "shim/wire/watch_service.h"

#include "shim/wire/watch_call.h"

namespace kubase::wire {

WatchService::WatchService(Edge& edge)
    : edge_(edge), watch_(edge.metrics, "etcdserverpb.Watch", "Watch", RpcType::kBidiStream) {}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* WatchService::Watch(
    grpc::CallbackServerContext* context) {
  return WatchCall::Start(edge_, watch_, SelectorTextsOf(*context));
}

}  // namespace kubase::wire
