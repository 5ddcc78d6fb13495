#include "shim/wire/maintenance_service.h"

#include <openssl/sha.h>

#include <catch2/catch.hpp>
#include <string>

#include "shim/wire/etcd_version.h"
#include "shim/wire/server_fixture_test.h"

namespace kubase::wire {
namespace {

class Parts final : public store::ByteCursor {
 public:
  explicit Parts(std::vector<std::string> parts) : parts_(std::move(parts)) {}
  void Next(store::Callback<std::string> done) override {
    done(next_ < parts_.size() ? parts_[next_++] : "");
  }

 private:
  std::vector<std::string> parts_;
  size_t next_ = 0;
};

std::string Snapshot(TestServer& test, std::vector<std::string> parts) {
  test.store.on_snapshot = [&](auto done) {
    done(std::shared_ptr<store::ByteCursor>(std::make_shared<Parts>(std::move(parts))));
  };
  auto stub = pb::Maintenance::NewStub(test.Connect());
  Context context;
  auto reader = stub->Snapshot(&context, {});
  std::string bytes;
  pb::SnapshotResponse part;
  while (reader->Read(&part)) {
    CHECK(part.version() == "3.7.0");
    bytes += part.blob();
  }
  CHECK(reader->Finish().ok());
  return bytes;
}

void CheckSealed(const std::string& bytes, const std::string& content) {
  REQUIRE(bytes.size() % 512 == SHA256_DIGEST_LENGTH);  // how etcdctl knows a whole snapshot
  const std::string body = bytes.substr(0, bytes.size() - SHA256_DIGEST_LENGTH);
  CHECK(body.substr(0, content.size()) == content);
  CHECK(body.find_first_not_of('\0', content.size()) == std::string::npos);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest);
  CHECK(bytes.substr(body.size()) ==
        std::string(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

TEST_CASE("MaintenanceService: a snapshot is padded to 512 and ends with its SHA-256") {
  TestServer test;
  CheckSealed(Snapshot(test, {"hello ", "world"}), "hello world");
}

TEST_CASE("MaintenanceService: a snapshot of whole sectors and an empty one are sealed too") {
  TestServer test;
  const std::string sector(512, 's');
  const std::string bytes = Snapshot(test, {sector, sector});
  CHECK(bytes.size() == 1024 + SHA256_DIGEST_LENGTH);
  CheckSealed(bytes, sector + sector);
  CheckSealed(Snapshot(test, {}), "");
}

TEST_CASE("MaintenanceService: status shows version, sizes, the leader and what is wrong") {
  TestServer test;
  store::StoreStatus state = test.store.status();
  state.db_size_bytes = 4096;
  state.db_size_in_use_bytes = 2048;
  state.db_size_limit_bytes = 8192;
  state.no_space = true;
  state.failure = "the disk is on fire";
  test.store.SetStatus(state);
  auto stub = pb::Maintenance::NewStub(test.Connect());
  Context context;
  pb::StatusResponse response;
  REQUIRE(stub->Status(&context, {}, &response).ok());
  CHECK(response.version() == "3.7.3");
  CHECK(response.storage_version() == "3.7.0");
  CHECK(response.db_size() == 4096);
  CHECK(response.db_size_in_use() == 2048);
  CHECK(response.db_size_quota() == 8192);
  CHECK(response.leader() == 22);
  CHECK(response.raft_term() > 0);
  CHECK(response.raft_index() == kFakeRevision);
  CHECK_FALSE(response.is_learner());
  REQUIRE(response.errors_size() == 2);
  CHECK(response.errors(0) == "memberID:22 alarm:NOSPACE");
  CHECK(response.errors(1) == "the disk is on fire");
}

TEST_CASE(
    "MaintenanceService: the NOSPACE alarm is shown, disarmed once, and not raised by clients") {
  TestServer test;
  store::StoreStatus state = test.store.status();
  state.no_space = true;
  test.store.SetStatus(state);
  auto stub = pb::Maintenance::NewStub(test.Connect());
  const auto alarm = [&](pb::AlarmRequest::AlarmAction action, pb::AlarmType type) {
    Context context;
    pb::AlarmRequest request;
    request.set_action(action);
    request.set_alarm(type);
    pb::AlarmResponse response;
    const grpc::Status status = stub->Alarm(&context, request, &response);
    return std::pair(status.error_code(), response.alarms_size());
  };
  using Answer = std::pair<grpc::StatusCode, int>;
  CHECK(alarm(pb::AlarmRequest::GET, pb::NONE) == Answer(grpc::OK, 1));
  CHECK(alarm(pb::AlarmRequest::GET, pb::CORRUPT) == Answer(grpc::OK, 0));
  CHECK(alarm(pb::AlarmRequest::DEACTIVATE, pb::CORRUPT) == Answer(grpc::OK, 0));
  CHECK(alarm(pb::AlarmRequest::DEACTIVATE, pb::NOSPACE) == Answer(grpc::OK, 1));
  CHECK(alarm(pb::AlarmRequest::DEACTIVATE, pb::NOSPACE) == Answer(grpc::OK, 0));
  CHECK(alarm(pb::AlarmRequest::GET, pb::NONE) == Answer(grpc::OK, 0));
  CHECK(alarm(pb::AlarmRequest::ACTIVATE, pb::NOSPACE) == Answer(grpc::OK, 1));
  CHECK(alarm(pb::AlarmRequest::GET, pb::NONE) == Answer(grpc::OK, 1));
  CHECK(alarm(pb::AlarmRequest::ACTIVATE, pb::CORRUPT) == Answer(grpc::UNIMPLEMENTED, 0));
}

TEST_CASE(
    "MaintenanceService: hashes, defragmentation, leader and downgrade answer as one member") {
  TestServer test;
  auto stub = pb::Maintenance::NewStub(test.Connect());
  {
    Context context;
    pb::HashKVRequest request;
    request.set_revision(5);
    pb::HashKVResponse response;
    REQUIRE(stub->HashKV(&context, request, &response).ok());
    CHECK(response.hash() == 0xabcd);
    CHECK(response.compact_revision() == 2);
    CHECK(response.hash_revision() == 5);
  }
  {
    Context context;
    pb::HashResponse response;
    REQUIRE(stub->Hash(&context, {}, &response).ok());
    CHECK(response.hash() == 0xabcd);
  }
  {
    Context context;
    pb::DefragmentResponse response;
    CHECK(stub->Defragment(&context, {}, &response).ok());
  }
  const auto move = [&](uint64_t target) {
    Context context;
    pb::MoveLeaderRequest request;
    request.set_target_id(target);
    pb::MoveLeaderResponse response;
    return stub->MoveLeader(&context, request, &response).error_message();
  };
  CHECK(move(22).empty());
  CHECK(move(23) == "etcdserver: bad leader transferee");
  const auto downgrade = [&](pb::DowngradeRequest::DowngradeAction action, const char* version) {
    Context context;
    pb::DowngradeRequest request;
    request.set_action(action);
    request.set_version(version);
    pb::DowngradeResponse response;
    const grpc::Status status = stub->Downgrade(&context, request, &response);
    return status.ok() ? "ok " + response.version() : status.error_message();
  };
  CHECK(downgrade(pb::DowngradeRequest::VALIDATE, "3.6") == "ok 3.7");
  CHECK(downgrade(pb::DowngradeRequest::VALIDATE, "3.5.0") ==
        "etcdserver: invalid downgrade target version");
  CHECK(downgrade(pb::DowngradeRequest::VALIDATE, "three") ==
        "etcdserver: wrong downgrade target version format");
  CHECK(downgrade(pb::DowngradeRequest::CANCEL, "") == "ok 3.7");
  CHECK(downgrade(pb::DowngradeRequest::ENABLE, "3.6").find("kubase") == 0);
}

TEST_CASE("EtcdVersion: two or three numbers are a version, everything else is refused") {
  const auto version = ParseEtcdVersion("3.7.3");
  REQUIRE(version.ok());
  CHECK(version->text == "3.7.3");
  CHECK(version->MajorMinor() == "3.7");
  CHECK(version->Cluster() == "3.7.0");
  CHECK(ParseEtcdVersion("3.7").ok());
  for (const char* bad :
       {"", "3", "3.", "3.7.", "3.7.3.1", "v3.7", "3.7.x", "-3.7", "3..7", "3.7 "}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseEtcdVersion(bad).ok());
  }
}

}  // namespace
}  // namespace kubase::wire
