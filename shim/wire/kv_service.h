// etcdserverpb.KV: ranges, writes, transactions, compaction.
#pragma once

#include "shim/wire/edge.h"
#include "shim/wire/raw_service.h"
#include "shim/wire/rpc.grpc.pb.h"

namespace kubase::wire {

using RawKV = RawService<etcdserverpb::KV::Service, etcdserverpb::KV::WithRawCallbackMethod_Range,
                         etcdserverpb::KV::WithRawCallbackMethod_RangeStream,
                         etcdserverpb::KV::WithRawCallbackMethod_Put,
                         etcdserverpb::KV::WithRawCallbackMethod_DeleteRange,
                         etcdserverpb::KV::WithRawCallbackMethod_Txn,
                         etcdserverpb::KV::WithRawCallbackMethod_Compact>;

// The edge must outlive the server that runs the service.
class KvService final : public RawKV {
 public:
  explicit KvService(Edge& edge);

  grpc::ServerUnaryReactor* Range(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* RangeStream(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* Put(grpc::CallbackServerContext* context,
                                const grpc::ByteBuffer* request,
                                grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* DeleteRange(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Txn(grpc::CallbackServerContext* context,
                                const grpc::ByteBuffer* request,
                                grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Compact(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;

 private:
  Edge& edge_;
  MethodMetrics range_;
  MethodMetrics range_stream_;
  MethodMetrics put_;
  MethodMetrics delete_range_;
  MethodMetrics txn_;
  MethodMetrics compact_;
};

}  // namespace kubase::wire
