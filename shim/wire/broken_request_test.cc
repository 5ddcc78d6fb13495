// Bytes that are no message of protobuf, sent to a server; tests/etcd/connections has every method.
#include <grpcpp/generic/generic_stub.h>

#include <catch2/catch.hpp>
#include <string>

#include "shim/wire/server_fixture_test.h"

namespace kubase::wire {
namespace {

// Sends the messages one after another, none at all without one, and answers how the call ends.
grpc::Status Call(TestServer& test, const std::string& method,
                  const std::vector<std::string>& messages) {
  grpc::CompletionQueue queue;
  const auto wait = [&queue] {
    void* tag;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  grpc::GenericStub stub(test.Connect());
  Context context;
  auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  REQUIRE(wait());
  for (const std::string& message : messages) {
    const grpc::Slice slice(message);
    call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    if (!wait()) break;
  }
  if (messages.empty()) {
    call->WritesDone(nullptr);
    wait();
  }
  grpc::ByteBuffer answer;
  do {
    call->Read(&answer, nullptr);
  } while (wait());
  grpc::Status status;
  call->Finish(&status, nullptr);
  wait();
  return status;
}

const std::string kBroken = "\x0a\x7fx";

TEST_CASE("BrokenRequest: a unary call answers as etcd's server does") {
  TestServer test;
  for (const auto& messages : {std::vector{kBroken}, std::vector<std::string>{}}) {
    for (const std::string method : {"KV/Range", "KV/Txn", "Auth/UserAdd"}) {
      const grpc::Status status = Call(test, "/etcdserverpb." + method, messages);
      CHECK(status.error_code() == grpc::StatusCode::INTERNAL);
      CHECK(status.error_message().starts_with("grpc: error unmarshalling request: "));
    }
  }
}

TEST_CASE("BrokenRequest: a stream ends as etcd's does, at once or after requests") {
  TestServer test;
  pb::WatchRequest cancel;
  cancel.mutable_cancel_request()->set_watch_id(5);
  for (const auto& [method, messages] :
       std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"etcdserverpb.KV/RangeStream", {kBroken}},
           {"etcdserverpb.Maintenance/Snapshot", {kBroken}},
           {"etcdserverpb.Watch/Watch", {kBroken}},
           {"etcdserverpb.Watch/Watch", {cancel.SerializeAsString(), kBroken}},
           {"etcdserverpb.Lease/LeaseKeepAlive", {kBroken}},
           {"grpc.health.v1.Health/Watch", {kBroken}}}) {
    const grpc::Status status = Call(test, "/" + method, messages);
    CAPTURE(method);
    CHECK(status.error_code() == grpc::StatusCode::INTERNAL);
    CHECK(status.error_message().starts_with("grpc: failed to unmarshal the received message"));
  }
}

}  // namespace
}  // namespace kubase::wire
