// No users, no roles: every question has the same answer as on a fresh etcd.
#include "shim/wire/auth_service.h"

#include "shim/wire/calls.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

constexpr const char* kAuthService = "etcdserverpb.Auth";
constexpr const char* kNoUsers =
    "kubase keeps no etcd users or roles; use TLS client certificates or a unix socket";
constexpr uint64_t kAuthRevision = 1;  // etcd's before any change

template <typename Request, typename Response>
grpc::ServerUnaryReactor* Refuse(const grpc::Status& status, Edge& edge, MethodMetrics& metrics,
                                 const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<Request, Response>(edge, metrics, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(status);
  return reactor;
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* AnswerHeader(Edge& edge, MethodMetrics& metrics,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<Request, Response>(edge, metrics, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Succeed(edge.store.current_revision());
  return reactor;
}

}  // namespace

AuthService::AuthService(Edge& edge)
    : edge_(edge),
      auth_enable_(edge.metrics, kAuthService, "AuthEnable", RpcType::kUnary),
      auth_disable_(edge.metrics, kAuthService, "AuthDisable", RpcType::kUnary),
      auth_status_(edge.metrics, kAuthService, "AuthStatus", RpcType::kUnary),
      authenticate_(edge.metrics, kAuthService, "Authenticate", RpcType::kUnary),
      user_add_(edge.metrics, kAuthService, "UserAdd", RpcType::kUnary),
      user_get_(edge.metrics, kAuthService, "UserGet", RpcType::kUnary),
      user_list_(edge.metrics, kAuthService, "UserList", RpcType::kUnary),
      user_delete_(edge.metrics, kAuthService, "UserDelete", RpcType::kUnary),
      user_change_password_(edge.metrics, kAuthService, "UserChangePassword", RpcType::kUnary),
      user_grant_role_(edge.metrics, kAuthService, "UserGrantRole", RpcType::kUnary),
      user_revoke_role_(edge.metrics, kAuthService, "UserRevokeRole", RpcType::kUnary),
      role_add_(edge.metrics, kAuthService, "RoleAdd", RpcType::kUnary),
      role_get_(edge.metrics, kAuthService, "RoleGet", RpcType::kUnary),
      role_list_(edge.metrics, kAuthService, "RoleList", RpcType::kUnary),
      role_delete_(edge.metrics, kAuthService, "RoleDelete", RpcType::kUnary),
      role_grant_permission_(edge.metrics, kAuthService, "RoleGrantPermission", RpcType::kUnary),
      role_revoke_permission_(edge.metrics, kAuthService, "RoleRevokePermission", RpcType::kUnary) {
}

grpc::ServerUnaryReactor* AuthService::AuthEnable(grpc::CallbackServerContext*,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  return Refuse<pb::AuthEnableRequest, pb::AuthEnableResponse>(
      ToStatus(Refusal::kRootUserMissing), edge_, auth_enable_, request, response);
}

grpc::ServerUnaryReactor* AuthService::AuthDisable(grpc::CallbackServerContext*,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  return AnswerHeader<pb::AuthDisableRequest, pb::AuthDisableResponse>(edge_, auth_disable_,
                                                                       request, response);
}

grpc::ServerUnaryReactor* AuthService::AuthStatus(grpc::CallbackServerContext*,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthStatusRequest, pb::AuthStatusResponse>(edge_, auth_status_,
                                                                            request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  call->response()->set_enabled(false);
  call->response()->set_auth_revision(kAuthRevision);
  call->Succeed(edge_.store.current_revision());
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::Authenticate(grpc::CallbackServerContext*,
                                                    const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* response) {
  return Refuse<pb::AuthenticateRequest, pb::AuthenticateResponse>(
      ToStatus(Refusal::kAuthNotEnabled), edge_, authenticate_, request, response);
}

grpc::ServerUnaryReactor* AuthService::UserAdd(grpc::CallbackServerContext*,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthUserAddRequest, pb::AuthUserAddResponse>(edge_, user_add_,
                                                                              request, response);
  auto* const reactor = call->reactor();
  if (call->Admit())
    call->Fail(call->request().name().empty() ? ToStatus(Refusal::kUserNameEmpty)
                                              : Unsupported(kNoUsers));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserGet(grpc::CallbackServerContext*,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  return Refuse<pb::AuthUserGetRequest, pb::AuthUserGetResponse>(
      ToStatus(Refusal::kUserNotFound), edge_, user_get_, request, response);
}

grpc::ServerUnaryReactor* AuthService::UserList(grpc::CallbackServerContext*,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) {
  return AnswerHeader<pb::AuthUserListRequest, pb::AuthUserListResponse>(edge_, user_list_, request,
                                                                         response);
}

grpc::ServerUnaryReactor* AuthService::UserDelete(grpc::CallbackServerContext*,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  return Refuse<pb::AuthUserDeleteRequest, pb::AuthUserDeleteResponse>(
      ToStatus(Refusal::kUserNotFound), edge_, user_delete_, request, response);
}

grpc::ServerUnaryReactor* AuthService::UserChangePassword(grpc::CallbackServerContext*,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return Refuse<pb::AuthUserChangePasswordRequest, pb::AuthUserChangePasswordResponse>(
      ToStatus(Refusal::kUserNotFound), edge_, user_change_password_, request, response);
}

grpc::ServerUnaryReactor* AuthService::UserGrantRole(grpc::CallbackServerContext*,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  return Refuse<pb::AuthUserGrantRoleRequest, pb::AuthUserGrantRoleResponse>(
      ToStatus(Refusal::kUserNotFound), edge_, user_grant_role_, request, response);
}

grpc::ServerUnaryReactor* AuthService::UserRevokeRole(grpc::CallbackServerContext*,
                                                      const grpc::ByteBuffer* request,
                                                      grpc::ByteBuffer* response) {
  return Refuse<pb::AuthUserRevokeRoleRequest, pb::AuthUserRevokeRoleResponse>(
      ToStatus(Refusal::kUserNotFound), edge_, user_revoke_role_, request, response);
}

grpc::ServerUnaryReactor* AuthService::RoleAdd(grpc::CallbackServerContext*,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthRoleAddRequest, pb::AuthRoleAddResponse>(edge_, role_add_,
                                                                              request, response);
  auto* const reactor = call->reactor();
  if (call->Admit())
    call->Fail(call->request().name().empty() ? ToStatus(Refusal::kRoleNameEmpty)
                                              : Unsupported(kNoUsers));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::RoleGet(grpc::CallbackServerContext*,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  return Refuse<pb::AuthRoleGetRequest, pb::AuthRoleGetResponse>(
      ToStatus(Refusal::kRoleNotFound), edge_, role_get_, request, response);
}

grpc::ServerUnaryReactor* AuthService::RoleList(grpc::CallbackServerContext*,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) {
  return AnswerHeader<pb::AuthRoleListRequest, pb::AuthRoleListResponse>(edge_, role_list_, request,
                                                                         response);
}

grpc::ServerUnaryReactor* AuthService::RoleDelete(grpc::CallbackServerContext*,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  return Refuse<pb::AuthRoleDeleteRequest, pb::AuthRoleDeleteResponse>(
      ToStatus(Refusal::kRoleNotFound), edge_, role_delete_, request, response);
}

grpc::ServerUnaryReactor* AuthService::RoleGrantPermission(grpc::CallbackServerContext*,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  return Refuse<pb::AuthRoleGrantPermissionRequest, pb::AuthRoleGrantPermissionResponse>(
      ToStatus(Refusal::kRoleNotFound), edge_, role_grant_permission_, request, response);
}

grpc::ServerUnaryReactor* AuthService::RoleRevokePermission(grpc::CallbackServerContext*,
                                                            const grpc::ByteBuffer* request,
                                                            grpc::ByteBuffer* response) {
  return Refuse<pb::AuthRoleRevokePermissionRequest, pb::AuthRoleRevokePermissionResponse>(
      ToStatus(Refusal::kRoleNotFound), edge_, role_revoke_permission_, request, response);
}

}  // namespace kubase::wire
