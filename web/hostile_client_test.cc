// Clients that are slow, silent, greedy or speak no HTTP: they may only harm themselves.
#include <poll.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <deque>

#include "web/server_test_support.h"

namespace kubase::web {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using std::string_literals::operator""s;

milliseconds Since(MonotonicTime begin) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin);
}

TEST_CASE("HostileClient: silent and half-spoken connections in every slot do not block others") {
  // The defaults for time-outs: what answers below does not wait for one of them to pass.
  ServerUnderTest test({.limits = {.connections_max = 16}});
  std::deque<RawClient> silent;
  for (int i = 0; i < 200; ++i) {
    silent.emplace_back(test.server->address());
    if (i % 2 == 0) silent.back().Send("GET /metrics HTTP/1.1\r\nHost: loc");
  }
  const MonotonicTime begin = steady_clock::now();
  for (const char* path : {"/livez", "/readyz", "/metrics", "/"}) {
    INFO(path);
    CHECK(StatusOf(test.AskFor(path)) == 200);
  }
  CHECK(Since(begin) < seconds(2));
  CHECK(silent.front().EndsWithin(seconds(5)));  // the oldest gave way
}

// A page that the socket buffers of a client that does not read cannot hold.
constexpr size_t kMoreThanBuffers = 500'000;
constexpr int kSmallBuffer = 8192;
ApplianceStatus Voluminous(size_t bytes) {
  ApplianceStatus status;
  status.processes = {{.name = "p"}};
  status.processes[0].last_log_lines.assign(bytes / 1000, std::string(999, 'x'));
  return status;
}

TEST_CASE("HostileClient: clients that never read their replies do not block others") {
  ServerUnderTest test({.limits = {.connections_max = 16}});
  test.source.Set(Voluminous(kMoreThanBuffers));
  std::deque<RawClient> greedy;
  for (int i = 0; i < 20; ++i) {
    greedy.emplace_back(test.server->address(), kSmallBuffer);
    greedy.back().Send(Get("/"));
  }
  CHECK(StatusOf(test.AskFor("/livez")) == 200);
  CHECK(StatusOf(test.AskFor("/metrics")) == 200);
}

TEST_CASE("HostileClient: a head that arrives byte by byte is cut off at its deadline") {
  ServerUnderTest test({.limits = {.read_timeout = milliseconds(300)}});
  RawClient client(test.server->address());
  const MonotonicTime begin = steady_clock::now();
  REQUIRE(client.Send("GET / HTTP/1.1\r\nX: "));
  while (!client.EndsWithin(milliseconds(10)) && Since(begin) < seconds(10)) client.Send("x");
  CHECK(Since(begin) >= milliseconds(250));
  CHECK(Since(begin) < seconds(5));
}

TEST_CASE("HostileClient: idle connections end, and so do replies that nobody takes") {
  ServerUnderTest test(
      {.limits = {.idle_timeout = milliseconds(100), .write_timeout = milliseconds(300)}});
  RawClient idle(test.server->address());
  CHECK(idle.EndsWithin(seconds(5)));

  test.source.Set(Voluminous(kMoreThanBuffers));
  RawClient client(test.server->address(), kSmallBuffer);
  client.Send(Get("/"));
  // Without reading: the hang-up is seen although bytes wait to be read.
  pollfd polled{client.fd(), POLLRDHUP, 0};
  CHECK(poll(&polled, 1, 10'000) == 1);
  const std::string reply = client.ReadToEnd().value_or("");
  CHECK(reply.size() < kMoreThanBuffers);
}

TEST_CASE("HostileClient: probes are answered while every page worker waits for the source") {
  ServerUnderTest test;
  test.source.Block();
  std::deque<RawClient> waiting;
  for (int i = 0; i < 2; ++i) {
    waiting.emplace_back(test.server->address());
    waiting.back().Send(Get("/"));
  }
  REQUIRE(test.source.AwaitBlocked(2));
  CHECK(StatusOf(test.AskFor("/livez")) == 200);
  CHECK(StatusOf(test.AskFor("/readyz?verbose")) == 200);
  test.source.Release();
  for (RawClient& client : waiting) CHECK(StatusOf(client.ReadReply()) == 200);
}

TEST_CASE("HostileClient: more waiting requests than there is room for are refused at once") {
  ServerUnderTest test;
  test.source.Block();
  std::deque<RawClient> waiting;
  for (int i = 0; i < 2; ++i) {
    waiting.emplace_back(test.server->address());
    waiting.back().Send(Get("/"));
  }
  REQUIRE(test.source.AwaitBlocked(2));
  for (int i = 0; i < 64; ++i) {
    waiting.emplace_back(test.server->address());
    waiting.back().Send(Get("/"));
  }
  // All above were sent before this one; the server takes them in the order of their arrival or
  // refuses one of them instead, so among 65 exactly one is refused.
  waiting.emplace_back(test.server->address());
  waiting.back().Send(Get("/"));
  int refused = 0;
  int answered = 0;
  std::vector<pollfd> polled;
  for (RawClient& client : waiting) polled.push_back({client.fd(), POLLIN, 0});
  REQUIRE(poll(polled.data(), polled.size(), 10'000) >= 1);
  test.source.Release();
  for (RawClient& client : waiting) {
    const auto reply = client.ReadReply();
    if (StatusOf(reply) == 503) {
      ++refused;
      CHECK(Contains(*reply, "Retry-After: 1\r\n"));
    }
    if (StatusOf(reply) == 200) ++answered;
  }
  CHECK(refused == 1);
  CHECK(answered == 66);
}

TEST_CASE("HostileClient: heads that are too long are refused with a reason") {
  ServerUnderTest test;
  CHECK(StatusOf(test.AskFor("/" + std::string(9'000, 'a'))) == 414);
  const std::string missing = test.AskFor("/" + std::string(8'000, 'a'));
  CHECK(StatusOf(missing) == 404);
  CHECK(missing.size() < 2'000);
  CHECK(StatusOf(test.Ask("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(20'000, 'a'))) ==
        431);
}

TEST_CASE("HostileClient: what is no HTTP gets 400 and the end of the connection") {
  ServerUnderTest test;
  const std::string requests[] = {
      "\r\n\r\n",
      "hello\r\n\r\n",
      "GET /\r\n\r\n",
      "GET / HTTP/3\r\nHost: localhost\r\n\r\n",
      "GET / HTTP/1.1\nHost: localhost\n\r\n\r\n",
      "GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n"s,
      "\x16\x03\x01\x02\x00\x01\xfc\x03\x03\r\n\r\n"s,
      "GET /?a?b?c HTTP/1.1\r\nHost: localhost\r\n\r\n",
  };
  for (const std::string& request : requests) {
    INFO(request);
    RawClient client(test.server->address());
    client.Send(request);
    CHECK(StatusOf(client.ReadToEnd()) == 400);
  }
}

TEST_CASE("HostileClient: ranges, expectations and their like change nothing") {
  ServerUnderTest test;
  std::string ranges = "0-0";
  while (ranges.size() < 12'000) ranges += ",0-0";
  for (const std::string& header :
       {"Range: bytes=" + ranges, std::string("Expect: 100-continue"),
        std::string("Accept-Encoding: gzip, br"), std::string("REMOTE_ADDR: 127.0.0.1")}) {
    const auto reply = test.Ask("GET /livez HTTP/1.1\r\nHost: localhost\r\n" + header + "\r\n\r\n");
    CHECK(StatusOf(reply) == 200);
    CHECK(Contains(*reply, "Content-Length: 2\r\n"));
  }
}

TEST_CASE("HostileClient: requests that come together are answered in order on one connection") {
  ServerUnderTest test;
  RawClient client(test.server->address());
  client.Send(Get("/livez") + Get("/nowhere") + Get("/version"));
  CHECK(StatusOf(client.ReadReply()) == 200);
  CHECK(StatusOf(client.ReadReply()) == 404);
  const auto last = client.ReadReply();
  REQUIRE(last.has_value());
  CHECK(Contains(*last, "kubernetesVersion"));
}

TEST_CASE("HostileClient: one that has finished sending still gets its answer") {
  ServerUnderTest test;
  test.source.Block();
  RawClient client(test.server->address());
  client.Send(Get("/"));
  REQUIRE(test.source.AwaitBlocked(1));
  shutdown(client.fd(), SHUT_WR);
  test.source.Release();
  CHECK(StatusOf(client.ReadReply()) == 200);
  CHECK(client.EndsWithin(seconds(5)));
}

TEST_CASE("HostileClient: one that leaves before its answer harms nobody") {
  ServerUnderTest test;
  test.source.Block();
  {
    RawClient client(test.server->address());
    client.Send(Get("/"));
    REQUIRE(test.source.AwaitBlocked(1));
  }
  test.source.Release();
  CHECK(StatusOf(test.AskFor("/")) == 200);
}

TEST_CASE("HostileClient: Stop answers what is under way and does not wait for the silent") {
  ServerUnderTest test;
  std::deque<RawClient> silent;
  for (int i = 0; i < 20; ++i) silent.emplace_back(test.server->address());
  const MonotonicTime begin = steady_clock::now();
  test.server->Stop();
  CHECK(Since(begin) < seconds(2));
  for (RawClient& client : silent) CHECK(client.EndsWithin(seconds(5)));
}

}  // namespace
}  // namespace kubase::web
