// Maintenance as a cluster of one member that leads itself.
#include "shim/wire/maintenance_service.h"

#include <memory>
#include <utility>

#include "shim/wire/calls.h"
#include "shim/wire/snapshot_stream.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

constexpr const char* kName = "etcdserverpb.Maintenance";

using AlarmCall = UnaryCall<pb::AlarmResponse>;
using SnapshotStream = PullStream<pb::SnapshotResponse>;

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

// What is left of a snapshot after the store's last part.
Result<bool> FillTail(SnapshotDigest& digest, bool& padded, pb::SnapshotResponse* response) {
  if (!std::exchange(padded, true)) {
    KUBASE_ASSIGN_OR_RETURN(std::string padding, digest.Padding());
    if (!padding.empty()) {
      response->set_blob(std::move(padding));
      return false;
    }
  }
  KUBASE_ASSIGN_OR_RETURN(std::string checksum, digest.Finish());
  response->set_blob(std::move(checksum));
  return true;
}

// The parts of one snapshot, in order: those of the store, padding, checksum.
class SnapshotSource {
 public:
  SnapshotSource(const Edge& edge, std::shared_ptr<store::ByteCursor> cursor)
      : edge_(edge), cursor_(std::move(cursor)) {}

  void Next(pb::SnapshotResponse* response, SnapshotStream::Fetched done) {
    FillHeader(edge_.identity, edge_.store.current_revision(), response->mutable_header());
    response->set_version(edge_.etcd_version.Cluster());
    if (exhausted_) return done(FillTail(digest_, padded_, response));
    cursor_->Next([this, response, done = std::move(done)](Result<std::string> part) {
      if (!part.ok()) return done(std::move(part).error());
      exhausted_ = part->empty();
      if (exhausted_) return done(FillTail(digest_, padded_, response));
      if (auto added = digest_.Add(*part); !added.ok()) return done(std::move(added).error());
      response->set_blob(std::move(*part));
      done(false);
    });
  }

 private:
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
      alarm_(edge.metrics, kName, "Alarm", RpcType::kUnary),
      status_(edge.metrics, kName, "Status", RpcType::kUnary),
      defragment_(edge.metrics, kName, "Defragment", RpcType::kUnary),
      hash_(edge.metrics, kName, "Hash", RpcType::kUnary),
      hash_kv_(edge.metrics, kName, "HashKV", RpcType::kUnary),
      snapshot_(edge.metrics, kName, "Snapshot", RpcType::kServerStream),
      move_leader_(edge.metrics, kName, "MoveLeader", RpcType::kUnary),
      downgrade_(edge.metrics, kName, "Downgrade", RpcType::kUnary) {}

grpc::ServerUnaryReactor* MaintenanceService::Alarm(grpc::CallbackServerContext* context,
                                                    const pb::AlarmRequest* request,
                                                    pb::AlarmResponse* response) {
  auto* call = new AlarmCall(edge_, alarm_, context, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  const pb::AlarmType type = request->alarm();
  switch (request->action()) {
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

grpc::ServerUnaryReactor* MaintenanceService::Status(grpc::CallbackServerContext* context,
                                                     const pb::StatusRequest*,
                                                     pb::StatusResponse* response) {
  auto* call = new UnaryCall<pb::StatusResponse>(edge_, status_, context, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  edge_.store.Status([this, call](Result<store::StoreStatus> status) {
    if (!status.ok()) return call->Fail(status.error());
    FillStatus(edge_, *status, call->response());
    call->Succeed(status->revision);
  });
  return reactor;
}

grpc::ServerUnaryReactor* MaintenanceService::Defragment(grpc::CallbackServerContext* context,
                                                         const pb::DefragmentRequest*,
                                                         pb::DefragmentResponse* response) {
  auto* call = new UnaryCall<pb::DefragmentResponse>(edge_, defragment_, context, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  edge_.store.Defragment(
      [call](Result<store::Revision> revision) { call->AnswerHeader(revision); });
  return reactor;
}

grpc::ServerUnaryReactor* MaintenanceService::Hash(grpc::CallbackServerContext* context,
                                                   const pb::HashRequest*,
                                                   pb::HashResponse* response) {
  auto* call = new UnaryCall<pb::HashResponse>(edge_, hash_, context, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  edge_.store.HashKv(0, [call](Result<store::HashKvResponse> hash) {
    if (!hash.ok()) return call->Fail(hash.error());
    call->response()->set_hash(hash->hash);
    call->Succeed(hash->revision);
  });
  return reactor;
}

grpc::ServerUnaryReactor* MaintenanceService::HashKV(grpc::CallbackServerContext* context,
                                                     const pb::HashKVRequest* request,
                                                     pb::HashKVResponse* response) {
  auto* call = new UnaryCall<pb::HashKVResponse>(edge_, hash_kv_, context, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  edge_.store.HashKv(request->revision(), [call](Result<store::HashKvResponse> hash) {
    if (!hash.ok()) return call->Fail(hash.error());
    call->response()->set_hash(hash->hash);
    call->response()->set_compact_revision(hash->compact_revision);
    call->response()->set_hash_revision(hash->hash_revision);
    call->Succeed(hash->revision);
  });
  return reactor;
}

grpc::ServerWriteReactor<pb::SnapshotResponse>* MaintenanceService::Snapshot(
    grpc::CallbackServerContext*, const pb::SnapshotRequest*) {
  auto* call = new SnapshotStream(edge_, snapshot_);
  if (!call->Admit(Ok())) return call;
  edge_.store.OpenSnapshot([this, call](Result<std::shared_ptr<store::ByteCursor>> cursor) {
    if (!cursor.ok()) return call->Fail(ToStatus(cursor.error()));
    // shared: std::function copies; there is one owner, the stream.
    auto source = std::make_shared<SnapshotSource>(edge_, std::move(*cursor));
    call->Pull([source](pb::SnapshotResponse* response, SnapshotStream::Fetched done) {
      source->Next(response, std::move(done));
    });
  });
  return call;
}

grpc::ServerUnaryReactor* MaintenanceService::MoveLeader(grpc::CallbackServerContext* context,
                                                         const pb::MoveLeaderRequest* request,
                                                         pb::MoveLeaderResponse* response) {
  auto* call = new UnaryCall<pb::MoveLeaderResponse>(edge_, move_leader_, context, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  if (request->target_id() == edge_.identity.member_id) {
    call->Succeed(edge_.store.current_revision());  // it leads already
  } else {
    call->Fail(ToStatus(Refusal::kBadLeaderTransferee));
  }
  return reactor;
}

grpc::ServerUnaryReactor* MaintenanceService::Downgrade(grpc::CallbackServerContext* context,
                                                        const pb::DowngradeRequest* request,
                                                        pb::DowngradeResponse* response) {
  auto* call = new UnaryCall<pb::DowngradeResponse>(edge_, downgrade_, context, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  const bool cancel = request->action() == pb::DowngradeRequest::CANCEL;
  const grpc::Status checked =
      cancel ? grpc::Status::OK : CheckDowngrade(edge_.etcd_version, request->version());
  if (!checked.ok()) {
    call->Fail(checked);
  } else if (request->action() == pb::DowngradeRequest::ENABLE) {
    call->Fail(Unsupported("kubase has no storage version of etcd that could be downgraded"));
  } else {
    response->set_version(edge_.etcd_version.MajorMinor());
    call->Succeed(edge_.store.current_revision());
  }
  return reactor;
}

}  // namespace kubase::wire
