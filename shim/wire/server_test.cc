// The server on real sockets: HTTP beside gRPC, unix sockets, silent clients, metrics, stopping.
#include "shim/wire/server.h"

#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <future>
#include <set>
#include <thread>

#include "shim/wire/client_socket_test.h"
#include "shim/wire/http_endpoint.h"
#include "shim/wire/listener.h"
#include "shim/wire/server_fixture_test.h"
#include "tests/support/temporary_directory.h"

namespace kubase::wire {
namespace {

TEST_CASE("Server: HTTP and gRPC share a TCP port") {
  TestServer test;
  CHECK(HttpGet(test.address(), "/health").find("\"health\":\"true\"") != std::string::npos);
  CHECK(HttpGet(test.address(), "/version").find("\"etcdserver\":\"3.7.3\"") != std::string::npos);
  CHECK(CanRange(test.Connect()));
  CHECK(HttpGet(test.address(), "/nothing").starts_with("HTTP/1.1 404"));
}

TEST_CASE("Server: is alive as long as its accepting thread works") {
  TestServer test;
  CHECK(test.server->CheckAlive(std::chrono::seconds(10)).ok());
  std::promise<void> blocked;
  std::promise<void> release;
  test.store.on_range = [&](store::RangeRequest, store::Callback<store::RangeResponse> done) {
    blocked.set_value();
    release.get_future().wait();
    done(store::RangeResponse{.revision = kFakeRevision});
  };
  const OwnedFd client = Dial(test.address());
  REQUIRE(client.valid());
  SendText(client, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  blocked.get_future().wait();
  CHECK(test.server->CheckAlive(std::chrono::milliseconds(50)).error().code ==
        ErrorCode::kDeadlineExceeded);
  release.set_value();
  CHECK(test.server->CheckAlive(std::chrono::seconds(10)).ok());
  CHECK(ReadAll(client).starts_with("HTTP/1.1 200"));
}

TEST_CASE("Server: a store that is slow to answer /health holds up nobody else") {
  TestServer test;
  std::promise<store::Callback<store::RangeResponse>> asked;
  test.store.on_range = [&](store::RangeRequest request,
                            store::Callback<store::RangeResponse> done) {
    if (request.range.key == "health") return asked.set_value(std::move(done));
    done(store::RangeResponse{.revision = kFakeRevision});
  };
  const OwnedFd client = Dial(test.address());
  REQUIRE(client.valid());
  SendText(client, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  auto answer = asked.get_future();
  REQUIRE(answer.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  CHECK(test.server->CheckAlive(std::chrono::seconds(10)).ok());
  CHECK(HttpGet(test.address(), "/version").starts_with("HTTP/1.1 200"));
  CHECK(CanRange(test.Connect()));
  answer.get()(store::RangeResponse{.revision = kFakeRevision});
  CHECK(ReadAll(client).starts_with("HTTP/1.1 200"));
}

TEST_CASE("Server: HTTP and gRPC share a unix socket of mode 0600, which goes at the end") {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.File("kubase.sock");
  ServerOptions options;
  options.listen_addresses = {"unix://" + path, "127.0.0.1:0"};
  TestServer test(options);
  REQUIRE(test.server->addresses().size() == 2);
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(HttpGet("unix://" + path, "/health").starts_with("HTTP/1.1 200"));
  CHECK(CanRange(grpc::CreateChannel("unix:" + path, grpc::InsecureChannelCredentials())));
  CHECK(HttpGet(test.server->addresses()[1], "/health").starts_with("HTTP/1.1 200"));
  test.server->Stop(std::chrono::seconds(10));
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("Server: a request may come byte by byte, an HTTP/2 preface as well") {
  TestServer test;
  {
    const OwnedFd fd = Dial(test.address());
    for (char c : std::string("GET /health HTTP/1.1\r\n\r\n"))
      SendText(fd, std::string_view(&c, 1));
    CHECK(ReadAll(fd).starts_with("HTTP/1.1 200"));
  }
  const OwnedFd fd = Dial(test.address());
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
  for (char c : std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
    SendText(fd, std::string_view(&c, 1));
  SendText(fd, std::string_view("\0\0\0\4\0\0\0\0\0", 9));  // empty SETTINGS
  char frame[9];
  REQUIRE(recv(fd.get(), frame, sizeof(frame), MSG_WAITALL) == sizeof(frame));
  CHECK(frame[3] == 4);  // the server's SETTINGS: gRPC has taken over with all bytes
}

TEST_CASE("Server: what is neither HTTP nor gRPC is closed, a large head is refused") {
  TestServer test;
  {
    const OwnedFd fd = Dial(test.address());
    SendText(fd, std::string_view("\x16\x03\x01\x02\x00", 5));  // a TLS client
    CHECK(ReadAll(fd).empty());
  }
  const OwnedFd fd = Dial(test.address());
  SendText(fd, "GET /" + std::string(10'000, 'x'));
  CHECK(ReadAll(fd).starts_with("HTTP/1.1 431"));
}

TEST_CASE("Listener: silent connections are closed in time and the oldest makes room") {
  FakeStore store;
  SystemClock clock;
  auto log = LogTo([](LogLevel, const std::string&) {});
  HttpEndpoint http([&](const std::string& query,
                        HealthDone done) { CheckStoreHealth(store, query, std::move(done)); },
                    *ParseEtcdVersion("3.7.3"));
  auto socket = Listen({.host = "127.0.0.1"});
  REQUIRE(socket.ok());
  const std::string address = socket->address;
  Listener::Options options;
  options.endpoints.push_back({std::move(*socket)});
  options.hand_over = [](Listener::HandedOver) {};
  options.answer = [&](std::string_view head, auto done) { http.Handle(head, std::move(done)); };
  options.patience = std::chrono::milliseconds(500);
  options.undecided_max = 3;
  auto listener = Listener::Start(std::move(options), clock, *log);
  REQUIRE(listener.ok());
  const auto started = std::chrono::steady_clock::now();
  std::vector<OwnedFd> silent;
  for (int i = 0; i < 3; ++i) silent.push_back(Dial(address));
  const OwnedFd half = Dial(address);  // the fourth: the first has to go
  SendText(half, "GET /heal");
  CHECK(ReadAll(silent[0]).empty());
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::milliseconds(400));
  SendText(half, "th HTTP/1.1\r\n\r\n");
  CHECK(ReadAll(half).starts_with("HTTP/1.1 200"));
  CHECK(ReadAll(silent[2]).empty());
  CHECK(std::chrono::steady_clock::now() - started >= std::chrono::milliseconds(400));
}

TEST_CASE(
    "Server: a page that the store answers late is still answered, or dropped with the server") {
  TestServer test;
  std::promise<store::Callback<store::RangeResponse>> first;
  test.store.on_range = [&](store::RangeRequest, auto done) { first.set_value(std::move(done)); };
  const OwnedFd fd = Dial(test.address());
  SendText(fd, "GET /health HTTP/1.1\r\n\r\n");
  first.get_future().get()(store::RangeResponse{.revision = 1});
  CHECK(ReadAll(fd).starts_with("HTTP/1.1 200"));
  std::promise<store::Callback<store::RangeResponse>> second;
  test.store.on_range = [&](store::RangeRequest, auto done) { second.set_value(std::move(done)); };
  const OwnedFd late = Dial(test.address());
  SendText(late, "GET /health HTTP/1.1\r\n\r\n");
  const auto answer = second.get_future().get();
  test.server.reset();
  answer(store::RangeResponse{.revision = 1});
  CHECK(ReadAll(late).empty());
}

TEST_CASE("Server: wrong options are refused with a sentence that names them") {
  prometheus::Registry registry;
  SystemClock clock;
  auto log = LogTo([](LogLevel, const std::string&) {});
  const auto error = [&](const ServerOptions& options) {
    auto server = Server::Start(options, registry, *log, clock);
    REQUIRE_FALSE(server.ok());
    return server.error();
  };
  CHECK(error({}).code == ErrorCode::kInvalidArgument);
  CHECK(error({.listen_addresses = {"nonsense"}}).message.find("nonsense") != std::string::npos);
  CHECK(error({.listen_addresses = {"127.0.0.1:0"}, .etcd_version = "new"}).message.find("new") !=
        std::string::npos);
  CHECK(error({.listen_addresses = {"https://127.0.0.1:0"}}).message.find("certificate") !=
        std::string::npos);
  TestServer running;
  CHECK(error({.listen_addresses = {running.address()}}).code == ErrorCode::kAlreadyExists);
}

TEST_CASE("Server: metrics have etcd's names and labels") {
  TestServer test;
  CHECK(CanRange(test.Connect()));
  test.server->Stop(std::chrono::seconds(10));  // a call counts as handled when it is over
  const std::string text = prometheus::TextSerializer().Serialize(test.registry.Collect());
  const std::string labels =
      "grpc_method=\"Range\",grpc_service=\"etcdserverpb.KV\","
      "grpc_type=\"unary\"";
  CAPTURE(text);
  CHECK(text.find("grpc_server_started_total{" + labels + "} 1") != std::string::npos);
  CHECK(text.find("grpc_server_handled_total{grpc_code=\"OK\"," + labels + "} 1") !=
        std::string::npos);
  CHECK(text.find("grpc_server_handling_seconds_count{" + labels + "} 1") != std::string::npos);
}

TEST_CASE("Server: stop waits for a call in flight, refuses new ones and then ends") {
  TestServer test;
  std::promise<store::Callback<store::RangeResponse>> kept;
  test.store.on_range = [&](store::RangeRequest, auto done) { kept.set_value(std::move(done)); };
  const auto channel = test.Connect();
  auto call = std::async(std::launch::async, [&] { return CanRange(channel); });
  const auto answer = kept.get_future().get();
  auto stop = std::async(std::launch::async, [&] { test.server->Stop(std::chrono::seconds(20)); });
  // The stop is under way once a new call is refused.
  const auto refused = [&] {
    auto stub = pb::Lease::NewStub(channel);
    Context context;
    pb::LeaseLeasesResponse response;
    return stub->LeaseLeases(&context, {}, &response).error_message() ==
           "etcdserver: server stopped";
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!refused()) REQUIRE(std::chrono::steady_clock::now() < deadline);
  answer(store::RangeResponse{.revision = 3});
  CHECK(call.get());
  stop.get();
}

// Every code that a client gets who calls without pause until `stopped`.
std::set<grpc::StatusCode> CallUntil(const std::atomic<bool>& stopped, std::atomic<int>& served,
                                     const std::shared_ptr<grpc::Channel>& channel) {
  auto stub = pb::KV::NewStub(channel);
  std::set<grpc::StatusCode> codes;
  while (!stopped) {
    Context context;
    pb::RangeRequest request;
    request.set_key("k");
    pb::RangeResponse response;
    const grpc::StatusCode code = stub->Range(&context, request, &response).error_code();
    if (code == grpc::StatusCode::OK && codes.insert(code).second) ++served;
    codes.insert(code);
  }
  return codes;
}

TEST_CASE("Server: clients that keep calling through a stop see nothing but Unavailable") {
  constexpr int kClients = 16;
  constexpr int kRounds = 15;
  std::set<grpc::StatusCode> codes;
  for (int round = 0; round < kRounds; ++round) {
    TestServer test;
    std::atomic<bool> stopped{false};
    std::atomic<int> served{0};
    std::vector<std::future<std::set<grpc::StatusCode>>> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.push_back(std::async(std::launch::async,
                                   [&] { return CallUntil(stopped, served, test.Connect()); }));
    }
    while (served < kClients) std::this_thread::yield();  // each call has a deadline
    test.server->Stop(std::chrono::seconds(10));
    stopped = true;
    for (auto& client : clients) codes.merge(client.get());
  }
  CHECK(codes == std::set{grpc::StatusCode::OK, grpc::StatusCode::UNAVAILABLE});
}

TEST_CASE("Server: stop cancels what does not finish in its time") {
  TestServer test;
  std::promise<store::Callback<store::RangeResponse>> kept;
  test.store.on_range = [&](store::RangeRequest, auto done) { kept.set_value(std::move(done)); };
  const auto channel = test.Connect();
  auto call = std::async(std::launch::async, [&] { return CanRange(channel); });
  const auto answer = kept.get_future().get();
  auto stop =
      std::async(std::launch::async, [&] { test.server->Stop(std::chrono::milliseconds(50)); });
  CHECK_FALSE(call.get());  // cancelled, although the store has not answered
  answer(store::RangeResponse{.revision = 3});
  stop.get();
}

}  // namespace
}  // namespace kubase::wire
