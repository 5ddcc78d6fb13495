// No users, no roles: every question has the same answer as on a fresh etcd.
#include "shim/wire/auth_service.h"

#include "shim/wire/calls.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

constexpr const char* kName = "etcdserverpb.Auth";
constexpr const char* kNoUsers =
    "kubase keeps no etcd users or roles; use TLS client certificates or a unix socket";
constexpr uint64_t kAuthRevision = 1;  // etcd's before any change

}  // namespace

AuthService::AuthService(Edge& edge)
    : edge_(edge),
      auth_enable_(edge.metrics, kName, "AuthEnable", RpcType::kUnary),
      auth_disable_(edge.metrics, kName, "AuthDisable", RpcType::kUnary),
      auth_status_(edge.metrics, kName, "AuthStatus", RpcType::kUnary),
      authenticate_(edge.metrics, kName, "Authenticate", RpcType::kUnary),
      user_add_(edge.metrics, kName, "UserAdd", RpcType::kUnary),
      user_get_(edge.metrics, kName, "UserGet", RpcType::kUnary),
      user_list_(edge.metrics, kName, "UserList", RpcType::kUnary),
      user_delete_(edge.metrics, kName, "UserDelete", RpcType::kUnary),
      user_change_password_(edge.metrics, kName, "UserChangePassword", RpcType::kUnary),
      user_grant_role_(edge.metrics, kName, "UserGrantRole", RpcType::kUnary),
      user_revoke_role_(edge.metrics, kName, "UserRevokeRole", RpcType::kUnary),
      role_add_(edge.metrics, kName, "RoleAdd", RpcType::kUnary),
      role_get_(edge.metrics, kName, "RoleGet", RpcType::kUnary),
      role_list_(edge.metrics, kName, "RoleList", RpcType::kUnary),
      role_delete_(edge.metrics, kName, "RoleDelete", RpcType::kUnary),
      role_grant_permission_(edge.metrics, kName, "RoleGrantPermission", RpcType::kUnary),
      role_revoke_permission_(edge.metrics, kName, "RoleRevokePermission", RpcType::kUnary) {}

grpc::ServerUnaryReactor* AuthService::AuthEnable(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthEnableRequest, pb::AuthEnableResponse>(
      edge_, auth_enable_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kRootUserMissing));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::AuthDisable(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthDisableRequest, pb::AuthDisableResponse>(
      edge_, auth_disable_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Succeed(edge_.store.current_revision());
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::AuthStatus(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthStatusRequest, pb::AuthStatusResponse>(
      edge_, auth_status_, context, request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  call->response()->set_enabled(false);
  call->response()->set_auth_revision(kAuthRevision);
  call->Succeed(edge_.store.current_revision());
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::Authenticate(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthenticateRequest, pb::AuthenticateResponse>(
      edge_, authenticate_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kAuthNotEnabled));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserAdd(grpc::CallbackServerContext* context,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthUserAddRequest, pb::AuthUserAddResponse>(
      edge_, user_add_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit())
    call->Fail(call->request().name().empty() ? ToStatus(Refusal::kUserNameEmpty)
                                              : Unsupported(kNoUsers));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserGet(grpc::CallbackServerContext* context,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthUserGetRequest, pb::AuthUserGetResponse>(
      edge_, user_get_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kUserNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserList(grpc::CallbackServerContext* context,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthUserListRequest, pb::AuthUserListResponse>(
      edge_, user_list_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Succeed(edge_.store.current_revision());
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserDelete(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthUserDeleteRequest, pb::AuthUserDeleteResponse>(
      edge_, user_delete_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kUserNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserChangePassword(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthUserChangePasswordRequest, pb::AuthUserChangePasswordResponse>(
      edge_, user_change_password_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kUserNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserGrantRole(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthUserGrantRoleRequest, pb::AuthUserGrantRoleResponse>(
      edge_, user_grant_role_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kUserNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserRevokeRole(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request,
                                                      grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthUserRevokeRoleRequest, pb::AuthUserRevokeRoleResponse>(
      edge_, user_revoke_role_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kUserNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::RoleAdd(grpc::CallbackServerContext* context,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthRoleAddRequest, pb::AuthRoleAddResponse>(
      edge_, role_add_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit())
    call->Fail(call->request().name().empty() ? ToStatus(Refusal::kRoleNameEmpty)
                                              : Unsupported(kNoUsers));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::RoleGet(grpc::CallbackServerContext* context,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthRoleGetRequest, pb::AuthRoleGetResponse>(
      edge_, role_get_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kRoleNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::RoleList(grpc::CallbackServerContext* context,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthRoleListRequest, pb::AuthRoleListResponse>(
      edge_, role_list_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Succeed(edge_.store.current_revision());
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::RoleDelete(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<pb::AuthRoleDeleteRequest, pb::AuthRoleDeleteResponse>(
      edge_, role_delete_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kRoleNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::RoleGrantPermission(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  auto* call =
      new UnaryCall<pb::AuthRoleGrantPermissionRequest, pb::AuthRoleGrantPermissionResponse>(
          edge_, role_grant_permission_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kRoleNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::RoleRevokePermission(grpc::CallbackServerContext* context,
                                                            const grpc::ByteBuffer* request,
                                                            grpc::ByteBuffer* response) {
  auto* call =
      new UnaryCall<pb::AuthRoleRevokePermissionRequest, pb::AuthRoleRevokePermissionResponse>(
          edge_, role_revoke_permission_, context, request, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kRoleNotFound));
  return reactor;
}

}  // namespace kubase::wire
