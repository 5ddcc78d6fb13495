// etcdserverpb.Auth, as etcd answers while authentication is off and nobody has made users or
// roles.
//
// Who may connect is decided by TLS client certificates or by the mode of the unix socket.
#pragma once

#include "shim/wire/edge.h"
#include "shim/wire/raw_service.h"
#include "shim/wire/rpc.grpc.pb.h"

namespace kubase::wire {

using RawAuth =
    RawService<etcdserverpb::Auth::Service, etcdserverpb::Auth::WithRawCallbackMethod_AuthEnable,
               etcdserverpb::Auth::WithRawCallbackMethod_AuthDisable,
               etcdserverpb::Auth::WithRawCallbackMethod_AuthStatus,
               etcdserverpb::Auth::WithRawCallbackMethod_Authenticate,
               etcdserverpb::Auth::WithRawCallbackMethod_UserAdd,
               etcdserverpb::Auth::WithRawCallbackMethod_UserGet,
               etcdserverpb::Auth::WithRawCallbackMethod_UserList,
               etcdserverpb::Auth::WithRawCallbackMethod_UserDelete,
               etcdserverpb::Auth::WithRawCallbackMethod_UserChangePassword,
               etcdserverpb::Auth::WithRawCallbackMethod_UserGrantRole,
               etcdserverpb::Auth::WithRawCallbackMethod_UserRevokeRole,
               etcdserverpb::Auth::WithRawCallbackMethod_RoleAdd,
               etcdserverpb::Auth::WithRawCallbackMethod_RoleGet,
               etcdserverpb::Auth::WithRawCallbackMethod_RoleList,
               etcdserverpb::Auth::WithRawCallbackMethod_RoleDelete,
               etcdserverpb::Auth::WithRawCallbackMethod_RoleGrantPermission,
               etcdserverpb::Auth::WithRawCallbackMethod_RoleRevokePermission>;

// The edge must outlive the server that runs the service.
class AuthService final : public RawAuth {
 public:
  explicit AuthService(Edge& edge);

  grpc::ServerUnaryReactor* AuthEnable(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* AuthDisable(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* AuthStatus(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Authenticate(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UserAdd(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UserGet(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UserList(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UserDelete(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UserChangePassword(grpc::CallbackServerContext* context,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UserGrantRole(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UserRevokeRole(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* RoleAdd(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* RoleGet(grpc::CallbackServerContext* context,
                                    const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* RoleList(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* RoleDelete(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* RoleGrantPermission(grpc::CallbackServerContext* context,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* RoleRevokePermission(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) override;

 private:
  Edge& edge_;
  MethodMetrics auth_enable_;
  MethodMetrics auth_disable_;
  MethodMetrics auth_status_;
  MethodMetrics authenticate_;
  MethodMetrics user_add_;
  MethodMetrics user_get_;
  MethodMetrics user_list_;
  MethodMetrics user_delete_;
  MethodMetrics user_change_password_;
  MethodMetrics user_grant_role_;
  MethodMetrics user_revoke_role_;
  MethodMetrics role_add_;
  MethodMetrics role_get_;
  MethodMetrics role_list_;
  MethodMetrics role_delete_;
  MethodMetrics role_grant_permission_;
  MethodMetrics role_revoke_permission_;
};

}  // namespace kubase::wire
