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
                                                  const pb::AuthEnableRequest*,
                                                  pb::AuthEnableResponse* response) {
  auto* call = new UnaryCall<pb::AuthEnableResponse>(edge_, auth_enable_, context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kRootUserMissing));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::AuthDisable(grpc::CallbackServerContext* context,
                                                   const pb::AuthDisableRequest*,
                                                   pb::AuthDisableResponse* response) {
  auto* call = new UnaryCall<pb::AuthDisableResponse>(edge_, auth_disable_, context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Succeed(edge_.store.current_revision());
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::AuthStatus(grpc::CallbackServerContext* context,
                                                  const pb::AuthStatusRequest*,
                                                  pb::AuthStatusResponse* response) {
  auto* call = new UnaryCall<pb::AuthStatusResponse>(edge_, auth_status_, context, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  response->set_enabled(false);
  response->set_auth_revision(kAuthRevision);
  call->Succeed(edge_.store.current_revision());
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::Authenticate(grpc::CallbackServerContext* context,
                                                    const pb::AuthenticateRequest*,
                                                    pb::AuthenticateResponse* response) {
  auto* call = new UnaryCall<pb::AuthenticateResponse>(edge_, authenticate_, context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kAuthNotEnabled));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserAdd(grpc::CallbackServerContext* context,
                                               const pb::AuthUserAddRequest* request,
                                               pb::AuthUserAddResponse* response) {
  auto* call = new UnaryCall<pb::AuthUserAddResponse>(edge_, user_add_, context, response);
  auto* const reactor = call->reactor();
  if (call->Admit())
    call->Fail(request->name().empty() ? ToStatus(Refusal::kUserNameEmpty) : Unsupported(kNoUsers));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserGet(grpc::CallbackServerContext* context,
                                               const pb::AuthUserGetRequest*,
                                               pb::AuthUserGetResponse* response) {
  auto* call = new UnaryCall<pb::AuthUserGetResponse>(edge_, user_get_, context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kUserNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserList(grpc::CallbackServerContext* context,
                                                const pb::AuthUserListRequest*,
                                                pb::AuthUserListResponse* response) {
  auto* call = new UnaryCall<pb::AuthUserListResponse>(edge_, user_list_, context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Succeed(edge_.store.current_revision());
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserDelete(grpc::CallbackServerContext* context,
                                                  const pb::AuthUserDeleteRequest*,
                                                  pb::AuthUserDeleteResponse* response) {
  auto* call = new UnaryCall<pb::AuthUserDeleteResponse>(edge_, user_delete_, context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kUserNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserChangePassword(
    grpc::CallbackServerContext* context, const pb::AuthUserChangePasswordRequest*,
    pb::AuthUserChangePasswordResponse* response) {
  auto* call = new UnaryCall<pb::AuthUserChangePasswordResponse>(edge_, user_change_password_,
                                                                 context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kUserNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserGrantRole(grpc::CallbackServerContext* context,
                                                     const pb::AuthUserGrantRoleRequest*,
                                                     pb::AuthUserGrantRoleResponse* response) {
  auto* call =
      new UnaryCall<pb::AuthUserGrantRoleResponse>(edge_, user_grant_role_, context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kUserNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::UserRevokeRole(grpc::CallbackServerContext* context,
                                                      const pb::AuthUserRevokeRoleRequest*,
                                                      pb::AuthUserRevokeRoleResponse* response) {
  auto* call =
      new UnaryCall<pb::AuthUserRevokeRoleResponse>(edge_, user_revoke_role_, context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kUserNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::RoleAdd(grpc::CallbackServerContext* context,
                                               const pb::AuthRoleAddRequest* request,
                                               pb::AuthRoleAddResponse* response) {
  auto* call = new UnaryCall<pb::AuthRoleAddResponse>(edge_, role_add_, context, response);
  auto* const reactor = call->reactor();
  if (call->Admit())
    call->Fail(request->name().empty() ? ToStatus(Refusal::kRoleNameEmpty) : Unsupported(kNoUsers));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::RoleGet(grpc::CallbackServerContext* context,
                                               const pb::AuthRoleGetRequest*,
                                               pb::AuthRoleGetResponse* response) {
  auto* call = new UnaryCall<pb::AuthRoleGetResponse>(edge_, role_get_, context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kRoleNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::RoleList(grpc::CallbackServerContext* context,
                                                const pb::AuthRoleListRequest*,
                                                pb::AuthRoleListResponse* response) {
  auto* call = new UnaryCall<pb::AuthRoleListResponse>(edge_, role_list_, context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Succeed(edge_.store.current_revision());
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::RoleDelete(grpc::CallbackServerContext* context,
                                                  const pb::AuthRoleDeleteRequest*,
                                                  pb::AuthRoleDeleteResponse* response) {
  auto* call = new UnaryCall<pb::AuthRoleDeleteResponse>(edge_, role_delete_, context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kRoleNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::RoleGrantPermission(
    grpc::CallbackServerContext* context, const pb::AuthRoleGrantPermissionRequest*,
    pb::AuthRoleGrantPermissionResponse* response) {
  auto* call = new UnaryCall<pb::AuthRoleGrantPermissionResponse>(edge_, role_grant_permission_,
                                                                  context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kRoleNotFound));
  return reactor;
}

grpc::ServerUnaryReactor* AuthService::RoleRevokePermission(
    grpc::CallbackServerContext* context, const pb::AuthRoleRevokePermissionRequest*,
    pb::AuthRoleRevokePermissionResponse* response) {
  auto* call = new UnaryCall<pb::AuthRoleRevokePermissionResponse>(edge_, role_revoke_permission_,
                                                                   context, response);
  auto* const reactor = call->reactor();
  if (call->Admit()) call->Fail(ToStatus(Refusal::kRoleNotFound));
  return reactor;
}

}  // namespace kubase::wire
