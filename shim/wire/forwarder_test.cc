// A kubase that stands by in front of one that leads, both on real sockets.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <random>
#include <vector>

#include "shim/wire/client_socket_test.h"
#include "tests/support/temporary_directory.h"

namespace kubase::wire {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int64_t kTerm = 4711;

struct Standby {
  explicit Standby(ServerOptions options = {.listen_addresses = {"127.0.0.1:0"}}) {
    auto started = Server::Start(options, registry, *log, clock);
    REQUIRE(started.ok());
    server = std::move(*started);
  }
  const std::string& address() const { return server->addresses().front(); }
  std::shared_ptr<grpc::Channel> Connect() const { return ConnectTo(address()); }

  prometheus::Registry registry;
  SystemClock clock;
  std::unique_ptr<Log> log = LogTo([](LogLevel, const std::string&) {});
  std::unique_ptr<Server> server;
};

TEST_CASE("Forwarder: calls and streams of clients reach the leader") {
  TestServer leader({}, kTerm);
  const Standby standby;
  REQUIRE(standby.server->Forward({leader.address(), kTerm}).ok());
  const auto channel = standby.Connect();
  for (int i = 0; i < 10; ++i) CHECK(CanRange(channel));
  const auto first = standby.Connect(), second = standby.Connect();
  CHECK(CanRange(first));
  CHECK(CanRange(second));
}

TEST_CASE("Forwarder: large messages pass in both directions") {
  TestServer leader({}, kTerm);
  const std::string value(1 << 20, 'v');
  std::string stored;
  leader.store.on_put = [&](store::PutRequest request, store::Callback<store::PutResponse> done) {
    stored = request.value;
    done(store::PutResponse{.revision = 2});
  };
  leader.store.on_range = [&](store::RangeRequest, store::Callback<store::RangeResponse> done) {
    store::RangeResponse response{.revision = 2};
    for (int i = 0; i < 8; ++i) {
      response.kvs.push_back(
          std::make_shared<const store::KeyValue>(store::KeyValue{.key = "k", .value = value}));
    }
    done(std::move(response));
  };
  const Standby standby;
  REQUIRE(standby.server->Forward({leader.address(), kTerm}).ok());
  auto stub = pb::KV::NewStub(standby.Connect());
  {
    Context context;
    pb::PutRequest request;
    request.set_key("k");
    request.set_value(value);
    pb::PutResponse response;
    REQUIRE(stub->Put(&context, request, &response).ok());
    CHECK(stored == value);
  }
  Context context;
  pb::RangeRequest request;
  request.set_key("k");
  pb::RangeResponse response;
  REQUIRE(stub->Range(&context, request, &response).ok());
  CHECK(response.kvs_size() == 8);
  CHECK(response.kvs(7).value() == value);
}

TEST_CASE("Forwarder: unix sockets on either side, and pages on this one") {
  const testing::TemporaryDirectory directory;
  TestServer leader({.listen_addresses = {"unix://" + directory.File("leader.sock")}}, kTerm);
  const Standby standby({.listen_addresses = {"unix://" + directory.File("standby.sock")}});
  REQUIRE(standby.server->Forward({leader.address(), kTerm}).ok());
  CHECK(CanRange(grpc::CreateChannel("unix:" + directory.File("standby.sock"),
                                     grpc::InsecureChannelCredentials())));
  CHECK(HttpGet(standby.address(), "/health").find("\"health\":\"true\"") != std::string::npos);
  CHECK(standby.server->CheckHealth(seconds(20)).ok());
  leader.server->Stop(milliseconds(0));
  const auto checked = standby.server->CheckHealth(seconds(20));
  REQUIRE_FALSE(checked.ok());
  CHECK(checked.error().code == ErrorCode::kUnavailable);
  CHECK(checked.error().message.find("cannot be reached") != std::string::npos);
  const std::string health = HttpGet(standby.address(), "/health");
  CHECK(health.starts_with("HTTP/1.1 503"));
  CHECK(health.find("cannot be reached") != std::string::npos);
}

// A standby whose leader takes connections and does nothing of itself. No server of gRPC leads: it
// would not write to a client that has left.
struct ForwardedTo {
  ForwardedTo() { REQUIRE(standby.server->Forward({leader, kTerm}).ok()); }

  const testing::TemporaryDirectory directory;
  const std::string leader = "unix://" + directory.File("leader.sock");
  const OwnedFd listening = ListenOn(leader);
  const std::string address = "unix://" + directory.File("standby.sock");
  const Standby standby{{.listen_addresses = {address}}};
};

TEST_CASE_METHOD(
    ForwardedTo,
    "Forwarder: a client that leaves before its answer costs its own connection only") {
  OwnedFd client = Dial(address);
  SendText(client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const OwnedFd accepted = Accept(listening);
  client.Reset();
  const std::string request = ReadAll(accepted);  // up to the end that the client made
  CHECK(request.starts_with(ForwardedPreface(kTerm)));
  SendText(accepted, "an answer");
  CHECK(ReadAll(accepted).empty());

  client = Dial(address);
  SendText(client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  CHECK(Accept(listening).valid());
}

int64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

// Half of one of the two buffers that a busy connection has. Sanitizers keep what is freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int64_t kIdleBytesMax = 1024 * 1024;
#else
constexpr int64_t kIdleBytesMax = 32 * 1024;
#endif

TEST_CASE_METHOD(ForwardedTo, "Forwarder: a connection that is idle has no buffers") {
  constexpr int kConnections = 200;
  const int64_t before = ResidentBytes();
  std::vector<OwnedFd> clients, accepted;
  for (int i = 0; i < kConnections; ++i) {
    clients.push_back(Dial(address));
    SendText(clients.back(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    accepted.push_back(Accept(listening));
    REQUIRE(accepted.back().valid());
  }
  // Until the last one is carried in both directions.
  SendText(accepted.back(), "an answer");
  char answer[9] = {};
  REQUIRE(recv(clients.back().get(), answer, sizeof(answer), MSG_WAITALL) == sizeof(answer));
  CHECK(ResidentBytes() - before < kConnections * kIdleBytesMax);
}

// As much as the sockets do not hold: the rest waits here, and nothing of it is lost.
TEST_CASE_METHOD(ForwardedTo,
                 "Forwarder: what a slow end does not take yet waits, and arrives whole") {
  OwnedFd client = Dial(address);
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  SendText(client, preface);
  const OwnedFd accepted = Accept(listening);
  std::mt19937_64 random(1);
  std::string sent(16 << 20, '\0');
  std::ranges::generate(sent, [&] { return static_cast<char>(random()); });
  auto sending = std::async(std::launch::async, [&] {
    SendText(client, sent);
    ::shutdown(client.get(), SHUT_WR);
  });
  // Its reader begins when the sender cannot go on.
  CHECK(sending.wait_for(milliseconds(100)) == std::future_status::timeout);
  CHECK(ReadAll(accepted) == ForwardedPreface(kTerm) + preface + sent);
  sending.get();
}

TEST_CASE("Forwarder: who does not lead in the term takes no forwarded connection") {
  TestServer other_term({}, kTerm + 1);
  const auto closes = [&](const std::string& address, const std::string& preface) {
    const OwnedFd fd = Dial(address);
    REQUIRE(fd.valid());
    SendText(fd,
             preface + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\4\0\0\0\0\0", 9));
    return ReadAll(fd).empty();
  };
  CHECK(closes(other_term.address(), ForwardedPreface(kTerm)));
  CHECK(closes(other_term.address(), "KUBASE-FORWARDED x\r\n"));
  CHECK(closes(other_term.address(), "KUBASE-FORWARDED " + std::string(100, '1')));
  // Two that take each other for the leader do not send a connection in a circle.
  const Standby a, b;
  REQUIRE(a.server->Forward({b.address(), kTerm}).ok());
  REQUIRE(b.server->Forward({a.address(), kTerm}).ok());
  CHECK(closes(a.address(), ForwardedPreface(kTerm)));
  CHECK(closes(a.address(), ""));
}

TEST_CASE("Server: connections wait while nobody leads, and are served when somebody does") {
  const Standby waiting;
  const auto channel = waiting.Connect();
  auto call = std::async(std::launch::async, [&] { return CanRange(channel); });
  CHECK(HttpGet(waiting.address(), "/health").find("no leader") != std::string::npos);
  CHECK(call.wait_for(milliseconds(100)) == std::future_status::timeout);
  FakeStore store;
  REQUIRE(waiting.server->Serve(store, kTerm).ok());
  CHECK(call.get());
  CHECK(HttpGet(waiting.address(), "/health").find("\"true\"") != std::string::npos);
  waiting.server->Stop(seconds(1));
}

TEST_CASE("Server: who served goes over to forwarding and back, and clients come again") {
  TestServer first({}, kTerm);
  const Standby second;
  REQUIRE(second.server->Forward({first.address(), kTerm}).ok());
  const auto channel = second.Connect();
  const auto until_it_works = [&] {  // the channel dials again when it is asked
    const auto deadline = std::chrono::steady_clock::now() + seconds(20);
    while (!CanRange(channel)) REQUIRE(std::chrono::steady_clock::now() < deadline);
  };
  CHECK(CanRange(channel));
  first.server->Hold(seconds(1));
  FakeStore store;
  REQUIRE(second.server->Serve(store, kTerm + 1).ok());
  REQUIRE(first.server->Forward({second.address(), kTerm + 1}).ok());
  until_it_works();
  CHECK(CanRange(first.Connect()));
  second.server->Hold(seconds(1));
  REQUIRE(first.server->Serve(first.store, kTerm + 2).ok());
  REQUIRE(second.server->Forward({first.address(), kTerm + 2}).ok());
  until_it_works();
  second.server->Stop(seconds(1));
}

}  // namespace
}  // namespace kubase::wire
