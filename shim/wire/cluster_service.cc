// The single member and the refusals.
#include "shim/wire/cluster_service.h"

#include "shim/wire/calls.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

constexpr const char* kClusterService = "etcdserverpb.Cluster";
constexpr const char* kNoMembers =
    "kubase has one member and no raft; its copies are those of its database";

}  // namespace

ClusterService::ClusterService(Edge& edge)
    : edge_(edge),
      add_(edge.metrics, kClusterService, "MemberAdd", RpcType::kUnary),
      remove_(edge.metrics, kClusterService, "MemberRemove", RpcType::kUnary),
      update_(edge.metrics, kClusterService, "MemberUpdate", RpcType::kUnary),
      list_(edge.metrics, kClusterService, "MemberList", RpcType::kUnary),
      promote_(edge.metrics, kClusterService, "MemberPromote", RpcType::kUnary) {}

grpc::Status ClusterService::Refuse(uint64_t id) const {
  return id == edge_.identity.member_id ? Unsupported(kNoMembers)
                                        : ToStatus(Refusal::kMemberNotFound);
}

grpc::ServerUnaryReactor* ClusterService::MemberAdd(grpc::CallbackServerContext*,
                                                    const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* response) {
  auto* call =
      new UnaryCall<pb::MemberAddRequest, pb::MemberAddResponse>(edge_, add_, request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  call->Fail(call->request().peer_urls().empty() ? ToStatus(Refusal::kMemberUrlsInvalid)
                                                 : Unsupported(kNoMembers));
  return reactor;
}

grpc::ServerUnaryReactor* ClusterService::MemberRemove(grpc::CallbackServerContext*,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::MemberRemoveRequest, pb::MemberRemoveResponse>(edge_, remove_,
                                                                                request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(Refuse(call->request().id()));
  return reactor;
}

grpc::ServerUnaryReactor* ClusterService::MemberUpdate(grpc::CallbackServerContext*,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::MemberUpdateRequest, pb::MemberUpdateResponse>(edge_, update_,
                                                                                request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(Refuse(call->request().id()));
  return reactor;
}

grpc::ServerUnaryReactor* ClusterService::MemberList(grpc::CallbackServerContext*,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  auto* call =
      new UnaryCall<pb::MemberListRequest, pb::MemberListResponse>(edge_, list_, request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  pb::Member* member = call->response()->add_members();
  member->set_id(edge_.identity.member_id);
  member->set_name("kubase");
  for (const std::string& url : edge_.client_urls) member->add_client_urls(url);
  call->Succeed(edge_.store.current_revision());
  return reactor;
}

grpc::ServerUnaryReactor* ClusterService::MemberPromote(grpc::CallbackServerContext*,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::MemberPromoteRequest, pb::MemberPromoteResponse>(
      edge_, promote_, request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  const bool member = call->request().id() == edge_.identity.member_id;
  call->Fail(ToStatus(member ? Refusal::kMemberNotLearner : Refusal::kMemberNotFound));
  return reactor;
}

}  // namespace kubase::wire
