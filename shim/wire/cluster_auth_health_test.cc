#include <catch2/catch.hpp>

#include "shim/wire/health.grpc.pb.h"
#include "shim/wire/server_fixture_test.h"

namespace kubase::wire {
namespace {

namespace health = ::grpc::health::v1;

TEST_CASE("ClusterService: there is one member with the address that is bound") {
  TestServer test;
  auto stub = pb::Cluster::NewStub(test.Connect());
  Context context;
  pb::MemberListResponse response;
  REQUIRE(stub->MemberList(&context, {}, &response).ok());
  REQUIRE(response.members_size() == 1);
  CHECK(response.members(0).id() == 22);
  CHECK_FALSE(response.members(0).name().empty());
  REQUIRE(response.members(0).client_urls_size() == 1);
  CHECK(response.members(0).client_urls(0) == "http://" + test.address());
}

TEST_CASE(
    "ClusterService: changes of the membership are refused as etcd refuses what is not there") {
  TestServer test;
  auto stub = pb::Cluster::NewStub(test.Connect());
  const auto remove = [&](uint64_t id) {
    Context context;
    pb::MemberRemoveRequest request;
    request.set_id(id);
    pb::MemberRemoveResponse response;
    return stub->MemberRemove(&context, request, &response);
  };
  CHECK(remove(1).error_message() == "etcdserver: member not found");
  CHECK(remove(22).error_code() == grpc::UNIMPLEMENTED);
  {
    Context context;
    pb::MemberPromoteRequest request;
    request.set_id(22);
    pb::MemberPromoteResponse response;
    CHECK(stub->MemberPromote(&context, request, &response).error_message() ==
          "etcdserver: can only promote a learner member");
  }
  Context context;
  pb::MemberAddRequest request;
  request.add_peer_urls("http://127.0.0.1:2380");
  pb::MemberAddResponse response;
  CHECK(stub->MemberAdd(&context, request, &response).error_code() == grpc::UNIMPLEMENTED);
}

TEST_CASE("AuthService: answers as etcd with authentication off and no users") {
  TestServer test;
  auto stub = pb::Auth::NewStub(test.Connect());
  {
    Context context;
    pb::AuthStatusResponse response;
    REQUIRE(stub->AuthStatus(&context, {}, &response).ok());
    CHECK_FALSE(response.enabled());
    CHECK(response.auth_revision() == 1);
  }
  {
    Context context;
    pb::AuthenticateResponse response;
    const grpc::Status status = stub->Authenticate(&context, {}, &response);
    CHECK(status.error_code() == grpc::FAILED_PRECONDITION);
    CHECK(status.error_message() == "etcdserver: authentication is not enabled");
  }
  {
    Context context;
    pb::AuthEnableResponse response;
    CHECK(stub->AuthEnable(&context, {}, &response).error_message() ==
          "etcdserver: root user does not exist");
  }
  {
    Context context;
    pb::AuthUserListResponse response;
    REQUIRE(stub->UserList(&context, {}, &response).ok());
    CHECK(response.users().empty());
  }
  {
    Context context;
    pb::AuthUserGetResponse response;
    CHECK(stub->UserGet(&context, {}, &response).error_message() ==
          "etcdserver: user name not found");
  }
  Context context;
  pb::AuthRoleAddRequest request;
  request.set_name("admin");
  pb::AuthRoleAddResponse response;
  CHECK(stub->RoleAdd(&context, request, &response).error_code() == grpc::UNIMPLEMENTED);
}

health::HealthCheckResponse::ServingStatus Check(health::Health::Stub& stub) {
  Context context;
  health::HealthCheckResponse response;
  REQUIRE(stub.Check(&context, {}, &response).ok());
  return response.status();
}

TEST_CASE("HealthService: check follows the state of the store and knows no other service") {
  TestServer test;
  auto stub = health::Health::NewStub(test.Connect());
  CHECK(Check(*stub) == health::HealthCheckResponse::SERVING);
  store::StoreStatus state = test.store.status();
  state.failure = "the database is away";
  test.store.SetStatus(state);
  CHECK(Check(*stub) == health::HealthCheckResponse::NOT_SERVING);
  Context context;
  health::HealthCheckRequest request;
  request.set_service("other");
  health::HealthCheckResponse response;
  CHECK(stub->Check(&context, request, &response).error_code() == grpc::NOT_FOUND);
}

TEST_CASE("HealthService: watch sends the state, then its changes, and ends with the server") {
  TestServer test;
  auto stub = health::Health::NewStub(test.Connect());
  Context context;
  auto reader = stub->Watch(&context, {});
  health::HealthCheckResponse response;
  REQUIRE(reader->Read(&response));
  CHECK(response.status() == health::HealthCheckResponse::SERVING);
  store::StoreStatus state = test.store.status();
  state.failure = "the database is away";
  test.store.SetStatus(state);
  REQUIRE(reader->Read(&response));
  CHECK(response.status() == health::HealthCheckResponse::NOT_SERVING);
  test.server->Stop(std::chrono::seconds(10));
  CHECK_FALSE(reader->Read(&response));
  CHECK(reader->Finish().error_code() == grpc::UNAVAILABLE);
}

}  // namespace
}  // namespace kubase::wire
