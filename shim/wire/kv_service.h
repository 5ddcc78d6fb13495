// etcdserverpb.KV: ranges, writes, transactions, compaction.
#pragma once

#include "shim/wire/arena_messages.h"
#include "shim/wire/edge.h"
#include "shim/wire/rpc.grpc.pb.h"

namespace kubase::wire {

// The edge must outlive the server that runs the service.
class KvService final : public etcdserverpb::KV::CallbackService {
 public:
  explicit KvService(Edge& edge);

  grpc::ServerUnaryReactor* Range(grpc::CallbackServerContext* context,
                                  const etcdserverpb::RangeRequest* request,
                                  etcdserverpb::RangeResponse* response) override;
  grpc::ServerWriteReactor<etcdserverpb::RangeStreamResponse>* RangeStream(
      grpc::CallbackServerContext* context, const etcdserverpb::RangeRequest* request) override;
  grpc::ServerUnaryReactor* Put(grpc::CallbackServerContext* context,
                                const etcdserverpb::PutRequest* request,
                                etcdserverpb::PutResponse* response) override;
  grpc::ServerUnaryReactor* DeleteRange(grpc::CallbackServerContext* context,
                                        const etcdserverpb::DeleteRangeRequest* request,
                                        etcdserverpb::DeleteRangeResponse* response) override;
  grpc::ServerUnaryReactor* Txn(grpc::CallbackServerContext* context,
                                const etcdserverpb::TxnRequest* request,
                                etcdserverpb::TxnResponse* response) override;
  grpc::ServerUnaryReactor* Compact(grpc::CallbackServerContext* context,
                                    const etcdserverpb::CompactionRequest* request,
                                    etcdserverpb::CompactionResponse* response) override;

 private:
  Edge& edge_;
  MethodMetrics range_;
  MethodMetrics range_stream_;
  MethodMetrics put_;
  MethodMetrics delete_range_;
  MethodMetrics txn_;
  MethodMetrics compact_;
  ArenaMessages<etcdserverpb::RangeRequest, etcdserverpb::RangeResponse> range_messages_;
  ArenaMessages<etcdserverpb::TxnRequest, etcdserverpb::TxnResponse> txn_messages_;
};

}  // namespace kubase::wire
