// etcdserverpb.Maintenance: status, alarms, hashes, defragmentation and the snapshot.
//
// A snapshot is the store's own byte stream, filled up with zero bytes to a multiple of 512, and
// then the SHA-256 of all that: etcdctl checks both before it keeps a file.
#pragma once

#include "shim/wire/edge.h"
#include "shim/wire/raw_service.h"
#include "shim/wire/rpc.grpc.pb.h"

namespace kubase::wire {

using RawMaintenance = RawService<etcdserverpb::Maintenance::Service,
                                  etcdserverpb::Maintenance::WithRawCallbackMethod_Alarm,
                                  etcdserverpb::Maintenance::WithRawCallbackMethod_Status,
                                  etcdserverpb::Maintenance::WithRawCallbackMethod_Defragment,
                                  etcdserverpb::Maintenance::WithRawCallbackMethod_Hash,
                                  etcdserverpb::Maintenance::WithRawCallbackMethod_HashKV,
                                  etcdserverpb::Maintenance::WithRawCallbackMethod_Snapshot,
                                  etcdserverpb::Maintenance::WithRawCallbackMethod_MoveLeader,
                                  etcdserverpb::Maintenance::WithRawCallbackMethod_Downgrade>;

// The edge must outlive the server that runs the service.
class MaintenanceService final : public RawMaintenance {
 public:
  explicit MaintenanceService(Edge& edge);

  grpc::ServerUnaryReactor* Alarm(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Defragment(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Hash(grpc::CallbackServerContext* context,
                                 const grpc::ByteBuffer* request,
                                 grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* HashKV(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Snapshot(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* MoveLeader(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Downgrade(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;

 private:
  Edge& edge_;
  MethodMetrics alarm_;
  MethodMetrics status_;
  MethodMetrics defragment_;
  MethodMetrics hash_;
  MethodMetrics hash_kv_;
  MethodMetrics snapshot_;
  MethodMetrics move_leader_;
  MethodMetrics downgrade_;
};

}  // namespace kubase::wire
