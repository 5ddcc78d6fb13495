// Against an HTTPS server that demands a client certificate of the CA.
#include "launcher/kube_client.h"

#include <catch2/catch.hpp>
#include <thread>

#include "launcher/test_api.h"

namespace kubase::launcher {
namespace {

using nlohmann::json;
const std::string kThings = "/apis/example.com/v1/things";

TEST_CASE("KubeClient: reads and writes objects, and passes texts on as they are") {
  TestApi api;
  const auto client = MakeKubeClient(api.ClientOptions());
  const Result<json> applied =
      client->Apply(kThings + "/a", {{"spec", {{"size", 1}}}}, std::stop_token());
  REQUIRE(applied.ok());
  CHECK((*applied)["metadata"]["resourceVersion"] == "1");
  CHECK((*client->Get(kThings + "/a", {}))["spec"]["size"] == 1);
  REQUIRE(client->Put(kThings + "/a", {{"spec", {{"size", 2}}}}, {}).ok());
  CHECK(api.At(kThings + "/a")["spec"]["size"] == 2);
  REQUIRE(client->Delete(kThings + "/a", {}).ok());
  CHECK(client->Get(kThings + "/a", {}).error().code == ErrorCode::kNotFound);
  CHECK(*client->GetText("/readyz", {}) == "[+]ping ok\nreadyz check passed\n");
}

TEST_CASE("KubeClient: an answer that is an error carries the server's words") {
  TestApi api;
  const auto client = MakeKubeClient(api.ClientOptions());
  const std::map<int, ErrorCode> expected = {
      {401, ErrorCode::kPermissionDenied}, {403, ErrorCode::kPermissionDenied},
      {409, ErrorCode::kAlreadyExists},    {410, ErrorCode::kCompacted},
      {422, ErrorCode::kInvalidArgument},  {429, ErrorCode::kUnavailable},
      {500, ErrorCode::kUnavailable},      {503, ErrorCode::kUnavailable}};
  for (const auto& [status, code] : expected) {
    INFO(status);
    api.FailWith(status);
    const Result<json> answer = client->Get(kThings + "/a", {});
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.error().code == code);
    CHECK(answer.error().message ==
          "the Kubernetes API answered " + std::to_string(status) + ": refused by the test");
  }
}

TEST_CASE("KubeClient: a text where JSON should be is kCorrupt") {
  TestApi api;
  CHECK(MakeKubeClient(api.ClientOptions())->Get("/readyz", {}).error().code ==
        ErrorCode::kCorrupt);
}

TEST_CASE("KubeClient: nobody listens, and somebody else listens") {
  TestApi api;
  KubeClientOptions options = api.ClientOptions();
  options.port = 1;
  const Result<json> refused = MakeKubeClient(options)->Get(kThings, {});
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  CHECK(refused.error().message == "cannot connect to the Kubernetes API at 127.0.0.1:1");
  options = api.ClientOptions();
  options.ca = api.pki().front_proxy_ca.certificate;
  const Result<json> foreign = MakeKubeClient(options)->Get(kThings, {});
  CHECK(foreign.error().code == ErrorCode::kUnavailable);
  CHECK(foreign.error().message.find("is not ours") != std::string::npos);
  options = api.ClientOptions();
  options.key = "/nonexistent";
  CHECK(MakeKubeClient(options)->Get(kThings, {}).error().message.find("client certificate") !=
        std::string::npos);
}

TEST_CASE("KubeClient: a server that never answers costs the time-out, no more") {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(listen(listener, 8) == 0);
  REQUIRE(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  TestApi api;
  KubeClientOptions options = api.ClientOptions();
  options.port = ntohs(address.sin_port);
  options.timeout = std::chrono::milliseconds(100);
  const auto began = std::chrono::steady_clock::now();
  CHECK(MakeKubeClient(options)->Get(kThings, {}).error().code == ErrorCode::kUnavailable);
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
  close(listener);
}

TEST_CASE("KubeClient: a watch hands over events until it is told to end") {
  TestApi api;
  const auto client = MakeKubeClient(api.ClientOptions());
  api.Put(kThings + "/a", {{"spec", 1}});
  std::vector<std::string> seen;
  const auto on_event = [&](const WatchEvent& event) {
    if (event.type == "BOOKMARK") return true;
    seen.push_back(event.type);
    if (event.type == "ADDED") api.Put(kThings + "/a", {{"spec", 2}});
    if (event.type == "MODIFIED") api.Remove(kThings + "/a");
    return event.type != "DELETED";
  };
  REQUIRE(client->Watch(kThings + "?watch=true", std::chrono::seconds(10), on_event, {}).ok());
  CHECK(seen == std::vector<std::string>{"ADDED", "MODIFIED", "DELETED"});
}

TEST_CASE("KubeClient: an ERROR event ends a watch with its code") {
  TestApi api;
  httplib::SSLServer expired(api.pki().apiserver.certificate.c_str(),
                             api.pki().apiserver.key.c_str());
  expired.Get("/.*", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(
        R"({"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}})"
        "\n",
        "application/json");
  });
  KubeClientOptions options = api.ClientOptions();
  options.port = expired.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { expired.listen_after_bind(); });
  while (!expired.is_running()) std::this_thread::yield();
  const Result<void> ended = MakeKubeClient(options)->Watch(
      "/x?watch=true", std::chrono::seconds(10), [](const WatchEvent&) { return true; }, {});
  expired.stop();
  serving.join();
  REQUIRE_FALSE(ended.ok());
  CHECK(ended.error().code == ErrorCode::kCompacted);
  CHECK(ended.error().message == "the Kubernetes API answered 410: too old");
}

TEST_CASE("KubeClient: a stop ends a watch at once, also from its own callback") {
  TestApi api;
  const auto client = MakeKubeClient(api.ClientOptions());
  std::stop_source stop;
  Result<void> ended = Ok();
  std::thread watching([&] {
    ended = client->Watch(
        kThings + "?watch=true", std::chrono::hours(1), [](const WatchEvent&) { return true; },
        stop.get_token());
  });
  CHECK(api.Wait([&] { return api.Watches() == 1; }));
  stop.request_stop();
  watching.join();
  CHECK(ended.error().code == ErrorCode::kCancelled);

  std::stop_source own;
  const Result<void> stopped = client->Watch(
      kThings + "?watch=true", std::chrono::hours(1),
      [&](const WatchEvent&) { return own.request_stop(); }, own.get_token());
  CHECK(stopped.error().code == ErrorCode::kCancelled);
  CHECK(client->Get(kThings, own.get_token()).error().code == ErrorCode::kCancelled);
}

}  // namespace
}  // namespace kubase::launcher
