#include "web/status_server.h"

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "web/assets.h"
#include "web/server_test_support.h"

namespace kubase::web {
namespace {

ApplianceStatus WithChecks(std::vector<Check> checks) {
  ApplianceStatus status;
  status.checks = std::move(checks);
  status.version = "0.1.0";
  return status;
}

std::string BodyOf(const std::string& reply) {
  return reply.substr(reply.find("\r\n\r\n") + 4);
}

TEST_CASE("StatusServer: health answers in the format of kube-apiserver") {
  ServerUnderTest test;
  test.source.Set(WithChecks({{"database", true, ""}}));
  CHECK(StatusOf(test.AskFor("/readyz")) == 200);
  CHECK(BodyOf(test.AskFor("/readyz")) == "ok");
  CHECK(BodyOf(test.AskFor("/healthz?verbose")) ==
        "[+]ping ok\n[+]database ok\nhealthz check passed\n");

  test.source.Set(WithChecks({{"database", false, "disk full"}}));
  const std::string failed = test.AskFor("/readyz");
  CHECK(StatusOf(failed) == 500);
  CHECK(BodyOf(failed) == "[+]ping ok\n[-]database failed: disk full\nreadyz check failed\n");
  CHECK(StatusOf(test.AskFor("/readyz?exclude=database")) == 200);
  CHECK(StatusOf(test.AskFor("/readyz?verbose&exclude=ping&exclude=database")) == 200);
  CHECK(BodyOf(test.AskFor("/livez?verbose")) == "[+]ping ok\nlivez check passed\n");
}

TEST_CASE("StatusServer: metrics come from the registry, the process and the source") {
  ServerUnderTest test({.endpoints = {.version = "1.2.3", .commit = "abc"}});
  ApplianceStatus status;
  status.traffic.watchers = 7;
  test.source.Set(status);
  auto& family = prometheus::BuildCounter().Name("kine_sql_total").Register(test.registry);
  family.Add({{"name", "get"}}).Increment(3);
  const std::string reply = test.AskFor("/metrics");
  CHECK(Contains(reply, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  CHECK(Contains(reply, "kine_sql_total{name=\"get\"} 3"));
  CHECK(Contains(reply, "kubase_build_info{version=\"1.2.3\",commit=\"abc\"} 1"));
  CHECK(Contains(reply, "etcd_debugging_mvcc_watcher_total 7"));
  CHECK(Contains(reply, "process_resident_memory_bytes "));
}

TEST_CASE("StatusServer: version, status and page have their types") {
  ServerUnderTest test({.endpoints = {.version = "1.2.3", .kubernetes_version = "v1.37.1"}});
  test.source.Set(WithChecks({}));
  const std::string version = test.AskFor("/version");
  CHECK(Contains(version, "Content-Type: application/json\r\n"));
  CHECK(nlohmann::json::parse(BodyOf(version))["kubernetesVersion"] == "v1.37.1");
  const std::string status = test.AskFor("/api/status");
  CHECK(nlohmann::json::parse(BodyOf(status))["summary"]["sentence"] == "Healthy.");
  const std::string page = test.AskFor("/");
  CHECK(Contains(page, "Content-Type: text/html; charset=utf-8\r\n"));
  CHECK(Contains(page, "<title>Healthy"));
}

TEST_CASE("StatusServer: every reply carries the security headers, errors as well") {
  ServerUnderTest test;
  for (const char* path : {"/", "/metrics", "/readyz", "/nowhere", "/%zz?%", "bad"}) {
    const std::string reply = test.AskFor(path);
    INFO(reply);
    CHECK(Contains(reply, "Content-Security-Policy: default-src 'none'; script-src 'self'; "));
    CHECK(Contains(reply, "frame-ancestors 'none'\r\n"));
    CHECK(Contains(reply, "X-Content-Type-Options: nosniff\r\n"));
    CHECK(Contains(reply, "Referrer-Policy: no-referrer\r\n"));
    CHECK(Contains(reply, "Cache-Control: no-store\r\n"));
  }
}

TEST_CASE("StatusServer: assets are cached for good and answer 304 to their tag") {
  ServerUnderTest test;
  const Asset& css = AssetOf("page.css");
  const std::string path(css.path);
  const std::string reply = test.AskFor(path);
  CHECK(StatusOf(reply) == 200);
  CHECK(BodyOf(reply) == css.content);
  CHECK(Contains(reply, "Content-Type: text/css; charset=utf-8\r\n"));
  CHECK(Contains(reply, "immutable\r\n"));
  const std::string etag = "\"" + std::string(css.hash) + "\"";
  CHECK(Contains(reply, "ETag: " + etag + "\r\n"));
  const auto again = test.Ask(
      "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: " + etag + "\r\n\r\n");
  CHECK(StatusOf(again) == 304);
}

TEST_CASE("StatusServer: HEAD has the headers of GET and no body") {
  ServerUnderTest test;
  for (const char* path : {"/", "/livez", "/version", "/nowhere"}) {
    RawClient client(test.server->address());
    client.Send(std::string("HEAD ") + path +
                " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const std::string reply = client.ReadToEnd().value_or("");
    INFO(reply);
    CHECK(BodyOf(reply).empty());
    CHECK_FALSE(Contains(reply, "Content-Length: 0\r\n"));
    CHECK(Contains(reply, "Content-Type: "));
  }
}

TEST_CASE("StatusServer: unknown paths and methods get a sentence") {
  ServerUnderTest test;
  const std::string missing = test.AskFor("/no/<such>/path");
  CHECK(StatusOf(missing) == 404);
  CHECK(Contains(missing, "There is nothing at /no/<such>/path. Try /, "));
  CHECK(Contains(missing, "Content-Type: text/plain"));

  RawClient client(test.server->address());
  client.Send("POST /readyz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
  const std::string refused = client.ReadToEnd().value_or("");
  CHECK(StatusOf(refused) == 405);
  CHECK(Contains(refused, "Allow: GET, HEAD\r\n"));
}

TEST_CASE("StatusServer: a foreign Host is refused with the remedy, on every path") {
  ServerUnderTest test({.endpoints = {.allowed_hosts = {"status.example.com"},
                                      .allowed_hosts_flag = "--status-host"}});
  const auto ask = [&](const std::string& hosts) {
    return test.Ask("GET /livez HTTP/1.1\r\n" + hosts + "\r\n").value_or("");
  };
  const std::string refused = ask("Host: evil.example\r\n");
  CHECK(StatusOf(refused) == 403);
  CHECK(Contains(refused, "\"evil.example\""));
  CHECK(Contains(refused, "--status-host"));
  CHECK(StatusOf(ask("Host: status.example.com:8080\r\n")) == 200);
  CHECK(StatusOf(ask("")) == 400);
  CHECK(StatusOf(ask("Host: localhost\r\nHost: evil.example\r\n")) == 400);
  CHECK(StatusOf(ask("Host : evil.example\r\nHost: localhost\r\n")) != 0);
}

TEST_CASE("StatusServer: page and status stay on this machine, metrics and health do not") {
  TestSource source;
  prometheus::Registry registry;
  const SystemClock clock;
  const auto log = LogTo([](LogLevel, const std::string&) {});
  const Endpoints endpoints({}, {source}, registry, *log, clock);
  const auto status = [&](const std::string& path, Reach reach) {
    return StatusOf(endpoints.Answer(Get(path), reach).bytes);
  };
  for (const char* path : {"/", "/api/status"}) {
    CHECK(status(path, Reach::kNetwork) == 403);
    CHECK(status(path, Reach::kLoopback) == 200);
    CHECK(status(path, Reach::kUnixSocket) == 200);
  }
  for (const char* path : {"/metrics", "/readyz", "/livez", "/version"}) {
    CHECK(status(path, Reach::kNetwork) == 200);
  }
}

TEST_CASE("StatusServer: a source that throws is a 500 and a line in the log") {
  ServerUnderTest test;
  test.source.Throw();
  CHECK(StatusOf(test.AskFor("/")) == 500);
  CHECK(StatusOf(test.AskFor("/livez")) == 200);
  test.server->Stop();
  bool logged = false;
  for (const std::string& line : test.log_lines) {
    logged = logged || Contains(line, "the source is broken");
  }
  CHECK(logged);
}

TEST_CASE("StatusServer: tells what is wrong with an address") {
  TestSource source;
  prometheus::Registry registry;
  const SystemClock clock;
  const auto log = LogTo([](LogLevel, const std::string&) {});
  const auto start = [&](const std::string& address) {
    return StatusServer::Start({.bind_address = address}, {source}, registry, *log, clock);
  };
  for (const char* address : {"", "8080", "localhost:", "localhost:http", "127.0.0.1:65536",
                              "::1:80", "no.such.host.invalid:80", "192.0.2.1:0"}) {
    INFO(address);
    const auto refused = start(address);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  }
  const auto first = start("127.0.0.1:0");
  REQUIRE(first.ok());
  const auto second = start((*first)->address());
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == ErrorCode::kAlreadyExists);
  CHECK(Contains(second.error().message, (*first)->address()));
}

TEST_CASE("StatusServer: an address for all interfaces is shown as one that can be visited") {
  ServerUnderTest test({.bind_address = ":0"});
  CHECK(test.server->url().rfind("http://127.0.0.1:", 0) == 0);
  CHECK(StatusOf(test.AskFor("/")) == 200);  // IPv4 over the one socket, and still loopback
}

}  // namespace
}  // namespace kubase::web
