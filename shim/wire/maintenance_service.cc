// Maintenance as a cluster of one member that leads itself.
#include "shim/wire/maintenance_service.h"

#include <memory>
#include <utility>

#include "shim/wire/calls.h"
#include "shim/wire/pull_stream.h"
#include "shim/wire/snapshot_stream.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

constexpr const char* kMaintenanceService = "etcdserverpb.Maintenance";

using AlarmCall = UnaryCall<pb::AlarmRequest, pb::AlarmResponse>;

void AddNoSpace(const Identity& identity, pb::AlarmResponse* response) {
  pb::AlarmMember* alarm = response->add_alarms();
  alarm->set_member_id(identity.member_id);
  alarm->set_alarm(pb::NOSPACE);
}

void GetAlarms(Edge& edge, pb::AlarmType type, AlarmCall* call) {
  edge.store.Status([&edge, type, call](Result<store::StoreStatus> status) {
    if (!status.ok()) return call->Fail(status.error());
    if (status->no_space && (type == pb::NONE || type == pb::NOSPACE)) {
      AddNoSpace(edge.identity, call->response());
    }
    call->Succeed(status->revision);
  });
}

void RaiseNoSpace(Edge& edge, AlarmCall* call) {
  edge.store.RaiseNoSpace([&edge, call](Result<store::Revision> revision) {
    if (revision.ok()) AddNoSpace(edge.identity, call->response());
    call->AnswerHeader(revision);
  });
}

// etcd answers with the alarm only if it was raised.
void DisarmNoSpace(Edge& edge, AlarmCall* call) {
  edge.store.Status([&edge, call](Result<store::StoreStatus> status) {
    if (!status.ok()) return call->Fail(status.error());
    if (!status->no_space) return call->Succeed(status->revision);
    edge.store.DisarmNoSpace([&edge, call](Result<store::Revision> revision) {
      if (revision.ok()) AddNoSpace(edge.identity, call->response());
      call->AnswerHeader(revision);
    });
  });
}

void FillStatus(const Edge& edge, const store::StoreStatus& from, pb::StatusResponse* to) {
  to->set_version(edge.etcd_version.text);
  to->set_storage_version(edge.etcd_version.Cluster());
  to->set_db_size(from.db_size_bytes);
  to->set_db_size_in_use(from.db_size_in_use_bytes);
  to->set_db_size_quota(from.db_size_limit_bytes);
  to->set_leader(edge.identity.member_id);
  to->set_raft_index(static_cast<uint64_t>(from.revision));
  to->set_raft_applied_index(static_cast<uint64_t>(from.revision));
  to->set_raft_term(kRaftTerm);
  to->mutable_downgrade_info()->set_enabled(false);
  if (from.no_space) {
    to->add_errors("memberID:" + std::to_string(from.member_id) + " alarm:NOSPACE");
  }
  if (!from.failure.empty()) to->add_errors(from.failure);
}

// The parts of one snapshot, in order: those of the store, padding, checksum.
class SnapshotSource {
 public:
  SnapshotSource(const Edge& edge, std::shared_ptr<store::ByteCursor> cursor)
      : edge_(edge), cursor_(std::move(cursor)) {}

  void Next(PullStream::Fetched done) {
    if (exhausted_) return done(Tail());
    cursor_->Next([this, done = std::move(done)](Result<std::string> blob) {
      if (!blob.ok()) return done(std::move(blob).error());
      exhausted_ = blob->empty();
      if (exhausted_) return done(Tail());
      if (auto added = digest_.Add(*blob); !added.ok()) return done(std::move(added).error());
      done(Part(std::move(*blob), false));
    });
  }

 private:
  // What is left after the store's last part.
  Result<PullStream::Part> Tail() {
    if (!std::exchange(padded_, true)) {
      KUBASE_ASSIGN_OR_RETURN(std::string padding, digest_.Padding());
      if (!padding.empty()) return Part(std::move(padding), false);
    }
    KUBASE_ASSIGN_OR_RETURN(std::string checksum, digest_.Finish());
    return Part(std::move(checksum), true);
  }

  Result<PullStream::Part> Part(std::string blob, bool last) const {
    pb::SnapshotResponse response;
    FillHeader(edge_.identity, edge_.store.current_revision(), response.mutable_header());
    response.set_version(edge_.etcd_version.Cluster());
    response.set_blob(std::move(blob));
    PullStream::Part part{.last = last};
    KUBASE_TRY(Serialize(response, &part.message));
    return part;
  }

  const Edge& edge_;
  const std::shared_ptr<store::ByteCursor> cursor_;  // the other owner: a part being read
  SnapshotDigest digest_;
  bool exhausted_ = false;
  bool padded_ = false;
};

// One minor version down is all that etcd offers.
grpc::Status CheckDowngrade(const EtcdVersion& current, const std::string& target) {
  const Result<EtcdVersion> wanted = ParseEtcdVersion(target);
  if (!wanted.ok()) return ToStatus(Refusal::kDowngradeVersionFormat);
  const bool allowed = wanted->major == current.major && wanted->minor == current.minor - 1;
  return allowed ? grpc::Status::OK : ToStatus(Refusal::kDowngradeTarget);
}

}  // namespace

MaintenanceService::MaintenanceService(Edge& edge)
    : edge_(edge),
      alarm_(edge.metrics, kMaintenanceService, "Alarm", RpcType::kUnary),
      status_(edge.metrics, kMaintenanceService, "Status", RpcType::kUnary),
      defragment_(edge.metrics, kMaintenanceService, "Defragment", RpcType::kUnary),
      hash_(edge.metrics, kMaintenanceService, "Hash", RpcType::kUnary),
      hash_kv_(edge.metrics, kMaintenanceService, "HashKV", RpcType::kUnary),
      snapshot_(edge.metrics, kMaintenanceService, "Snapshot", RpcType::kServerStream),
      move_leader_(edge.metrics, kMaintenanceService, "MoveLeader", RpcType::kUnary),
      downgrade_(edge.metrics, kMaintenanceService, "Downgrade", RpcType::kUnary) {}

grpc::ServerUnaryReactor* MaintenanceService::Alarm(grpc::CallbackServerContext*,
                                                    const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* response) {
  auto* call = new AlarmCall(edge_, alarm_, request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  const pb::AlarmType type = call->request().alarm();
  switch (call->request().action()) {
    case pb::AlarmRequest::GET:
      GetAlarms(edge_, type, call);
      break;
    case pb::AlarmRequest::DEACTIVATE:
      if (type == pb::NOSPACE) {
        DisarmNoSpace(edge_, call);
      } else {
        call->Succeed(edge_.store.current_revision());  // never raised, so there is none to answer
      }
      break;
    case pb::AlarmRequest::ACTIVATE:
      if (type == pb::NOSPACE) {
        RaiseNoSpace(edge_, call);
      } else {
        call->Fail(Unsupported("of the alarms only NOSPACE can be raised by a client"));
      }
      break;
    default:
      call->Fail(Unsupported("there is no such action on alarms"));
  }
  return reactor;
}

grpc::ServerUnaryReactor* MaintenanceService::Status(grpc::CallbackServerContext*,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  auto* call =
      new UnaryCall<pb::StatusRequest, pb::StatusResponse>(edge_, status_, request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  edge_.store.Status([this, call](Result<store::StoreStatus> status) {
    if (!status.ok()) return call->Fail(status.error());
    FillStatus(edge_, *status, call->response());
    call->Succeed(status->revision);
  });
  return reactor;
}

grpc::ServerUnaryReactor* MaintenanceService::Defragment(grpc::CallbackServerContext*,
                                                         const grpc::ByteBuffer* request,
                                                         grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::DefragmentRequest, pb::DefragmentResponse>(edge_, defragment_,
                                                                            request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  edge_.store.Defragment(
      [call](Result<store::Revision> revision) { call->AnswerHeader(revision); });
  return reactor;
}

grpc::ServerUnaryReactor* MaintenanceService::Hash(grpc::CallbackServerContext*,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::HashRequest, pb::HashResponse>(edge_, hash_, request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  edge_.store.HashKv(0, [call](Result<store::HashKvResponse> hash) {
    if (!hash.ok()) return call->Fail(hash.error());
    call->response()->set_hash(hash->hash);
    call->Succeed(hash->revision);
  });
  return reactor;
}

grpc::ServerUnaryReactor* MaintenanceService::HashKV(grpc::CallbackServerContext*,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  auto* call =
      new UnaryCall<pb::HashKVRequest, pb::HashKVResponse>(edge_, hash_kv_, request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  edge_.store.HashKv(call->request().revision(), [call](Result<store::HashKvResponse> hash) {
    if (!hash.ok()) return call->Fail(hash.error());
    call->response()->set_hash(hash->hash);
    call->response()->set_compact_revision(hash->compact_revision);
    call->response()->set_hash_revision(hash->hash_revision);
    call->Succeed(hash->revision);
  });
  return reactor;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* MaintenanceService::Snapshot(
    grpc::CallbackServerContext*, const grpc::ByteBuffer* request) {
  auto* call = new PullStream(edge_, snapshot_);
  pb::SnapshotRequest parsed;
  if (!call->Admit(request, &parsed)) return call;
  edge_.store.OpenSnapshot([this, call](Result<std::shared_ptr<store::ByteCursor>> cursor) {
    if (!cursor.ok()) return call->Fail(cursor.error());
    // shared: std::function copies; there is one owner, the stream.
    auto source = std::make_shared<SnapshotSource>(edge_, std::move(*cursor));
    call->Pull([source](PullStream::Fetched done) { source->Next(std::move(done)); });
  });
  return call;
}

grpc::ServerUnaryReactor* MaintenanceService::MoveLeader(grpc::CallbackServerContext*,
                                                         const grpc::ByteBuffer* request,
                                                         grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::MoveLeaderRequest, pb::MoveLeaderResponse>(edge_, move_leader_,
                                                                            request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  if (call->request().target_id() == edge_.identity.member_id) {
    call->Succeed(edge_.store.current_revision());  // it leads already
  } else {
    call->Fail(ToStatus(Refusal::kBadLeaderTransferee));
  }
  return reactor;
}

grpc::ServerUnaryReactor* MaintenanceService::Downgrade(grpc::CallbackServerContext*,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::DowngradeRequest, pb::DowngradeResponse>(edge_, downgrade_,
                                                                          request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  const bool cancel = call->request().action() == pb::DowngradeRequest::CANCEL;
  const grpc::Status checked =
      cancel ? grpc::Status::OK : CheckDowngrade(edge_.etcd_version, call->request().version());
  if (!checked.ok()) {
    call->Fail(checked);
  } else if (call->request().action() == pb::DowngradeRequest::ENABLE) {
    call->Fail(Unsupported("kubase has no storage version of etcd that could be downgraded"));
  } else {
    call->response()->set_version(edge_.etcd_version.MajorMinor());
    call->Succeed(edge_.store.current_revision());
  }
  return reactor;
}

}  // namespace kubase::wire
