#include "shim/wire/lease_service.h"

#include <catch2/catch.hpp>
#include <future>

#include "shim/wire/server_fixture_test.h"

namespace kubase::wire {
namespace {

TEST_CASE("LeaseService: grant, revoke, time to live and list are passed on") {
  TestServer test;
  auto stub = pb::Lease::NewStub(test.Connect());
  {
    Context context;
    pb::LeaseGrantRequest request;
    request.set_ttl(60);
    pb::LeaseGrantResponse response;
    REQUIRE(stub->LeaseGrant(&context, request, &response).ok());
    CHECK(response.id() == 99);
    CHECK(response.ttl() == 60);
    CHECK(response.header().revision() == kFakeRevision);
  }
  {
    Context context;
    pb::LeaseRevokeResponse response;
    CHECK(stub->LeaseRevoke(&context, {}, &response).error_message() ==
          "etcdserver: requested lease not found");
  }
  {
    Context context;
    pb::LeaseTimeToLiveRequest request;
    request.set_id(5);
    request.set_keys(true);
    pb::LeaseTimeToLiveResponse response;
    REQUIRE(stub->LeaseTimeToLive(&context, request, &response).ok());
    CHECK(response.id() == 5);
    CHECK(response.ttl() == 30);
    CHECK(response.granted_ttl() == 60);
    CHECK(response.keys_size() == 2);
  }
  Context context;
  pb::LeaseLeasesResponse response;
  REQUIRE(stub->LeaseLeases(&context, {}, &response).ok());
  REQUIRE(response.leases_size() == 2);
  CHECK(response.leases(1).id() == 2);
  CHECK(response.header().revision() == kFakeRevision);
}

TEST_CASE("LeaseService: a keep-alive stream renews until the client closes it") {
  TestServer test;
  auto stub = pb::Lease::NewStub(test.Connect());
  Context context;
  auto stream = stub->LeaseKeepAlive(&context);
  for (int64_t id = 1; id <= 3; ++id) {
    pb::LeaseKeepAliveRequest request;
    request.set_id(id);
    REQUIRE(stream->Write(request));
    pb::LeaseKeepAliveResponse response;
    REQUIRE(stream->Read(&response));
    CHECK(response.id() == id);
    CHECK(response.ttl() == 60);
    CHECK(response.header().revision() == kFakeRevision);
  }
  stream->WritesDone();
  pb::LeaseKeepAliveResponse response;
  CHECK_FALSE(stream->Read(&response));
  CHECK(stream->Finish().ok());
}

TEST_CASE("LeaseService: a keep-alive stream ends with the store's error") {
  TestServer test;
  test.store.on_keep_alive = [](store::LeaseId, auto done) {
    done(Error{ErrorCode::kUnavailable, "the database is away"});
  };
  auto stub = pb::Lease::NewStub(test.Connect());
  Context context;
  auto stream = stub->LeaseKeepAlive(&context);
  REQUIRE(stream->Write({}));
  pb::LeaseKeepAliveResponse response;
  CHECK_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  CHECK(status.error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK(status.error_message() == "etcdserver: request timed out");
}

TEST_CASE("LeaseService: keep-alive streams survive a late answer and end with the server") {
  TestServer test;
  std::promise<store::Callback<store::LeaseKeepAliveResponse>> kept;
  test.store.on_keep_alive = [&](store::LeaseId, auto done) { kept.set_value(std::move(done)); };
  auto stub = pb::Lease::NewStub(test.Connect());
  Context idle_context;
  auto idle = stub->LeaseKeepAlive(&idle_context);
  Context busy_context;
  auto busy = stub->LeaseKeepAlive(&busy_context);
  REQUIRE(busy->Write({}));
  const auto answer = kept.get_future().get();
  busy_context.TryCancel();
  CHECK(busy->Finish().error_code() == grpc::StatusCode::CANCELLED);
  answer(store::LeaseKeepAliveResponse{kFakeRevision, 60});
  test.server->Stop(std::chrono::seconds(10));
  pb::LeaseKeepAliveResponse response;
  CHECK_FALSE(idle->Read(&response));
  const grpc::Status status = idle->Finish();
  CHECK(status.error_code() == grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace kubase::wire
