// etcdserverpb.Maintenance: status, alarms, hashes, defragmentation and the snapshot.
//
// A snapshot is the store's own byte stream, filled up with zero bytes to a multiple of 512, and
// then the SHA-256 of all that: etcdctl checks both before it keeps a file.
#pragma once

#include "shim/wire/edge.h"
#include "shim/wire/rpc.grpc.pb.h"

namespace kubase::wire {

// The edge must outlive the server that runs the service.
class MaintenanceService final : public etcdserverpb::Maintenance::CallbackService {
 public:
  explicit MaintenanceService(Edge& edge);

  grpc::ServerUnaryReactor* Alarm(grpc::CallbackServerContext* context,
                                  const etcdserverpb::AlarmRequest* request,
                                  etcdserverpb::AlarmResponse* response) override;
  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context,
                                   const etcdserverpb::StatusRequest* request,
                                   etcdserverpb::StatusResponse* response) override;
  grpc::ServerUnaryReactor* Defragment(grpc::CallbackServerContext* context,
                                       const etcdserverpb::DefragmentRequest* request,
                                       etcdserverpb::DefragmentResponse* response) override;
  grpc::ServerUnaryReactor* Hash(grpc::CallbackServerContext* context,
                                 const etcdserverpb::HashRequest* request,
                                 etcdserverpb::HashResponse* response) override;
  grpc::ServerUnaryReactor* HashKV(grpc::CallbackServerContext* context,
                                   const etcdserverpb::HashKVRequest* request,
                                   etcdserverpb::HashKVResponse* response) override;
  grpc::ServerWriteReactor<etcdserverpb::SnapshotResponse>* Snapshot(
      grpc::CallbackServerContext* context, const etcdserverpb::SnapshotRequest* request) override;
  grpc::ServerUnaryReactor* MoveLeader(grpc::CallbackServerContext* context,
                                       const etcdserverpb::MoveLeaderRequest* request,
                                       etcdserverpb::MoveLeaderResponse* response) override;
  grpc::ServerUnaryReactor* Downgrade(grpc::CallbackServerContext* context,
                                      const etcdserverpb::DowngradeRequest* request,
                                      etcdserverpb::DowngradeResponse* response) override;

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
