#include "shim/wire/http_endpoint.h"

#include <catch2/catch.hpp>

#include "shim/wire/fake_store_test.h"

namespace kubase::wire {
namespace {

struct Answer {
  std::string status;  // the status line
  std::string body;
};

Answer Ask(FakeStore& store, const std::string& head) {
  HttpEndpoint endpoint([&](const std::string& query,
                            HealthDone done) { CheckStoreHealth(store, query, std::move(done)); },
                        *ParseEtcdVersion("3.7.3"));
  std::string response;
  endpoint.Handle(head, [&](std::string text) { response = std::move(text); });
  return {response.substr(0, response.find("\r\n")),
          response.substr(response.find("\r\n\r\n") + 4)};
}

std::string Get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

TEST_CASE("HttpEndpoint: /version and /health answer as etcd does") {
  FakeStore store;
  const Answer version = Ask(store, Get("/version"));
  CHECK(version.status == "HTTP/1.1 200 OK");
  CHECK(version.body ==
        "{\"etcdserver\":\"3.7.3\",\"etcdcluster\":\"3.7.0\",\"storage\":\"3.7.0\"}\n");
  const Answer health = Ask(store, Get("/health?serializable=true"));
  CHECK(health.status == "HTTP/1.1 200 OK");
  CHECK(health.body == "{\"health\":\"true\",\"reason\":\"\"}\n");
}

TEST_CASE("HttpEndpoint: /health tells an alarm, a failure of the store and a failing read") {
  FakeStore store;
  store::StoreStatus state = store.status();
  state.no_space = true;
  store.SetStatus(state);
  const Answer full = Ask(store, Get("/health"));
  CHECK(full.status == "HTTP/1.1 503 Service Unavailable");
  CHECK(full.body == "{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n");
  CHECK(Ask(store, Get("/health?x=y&exclude=NOSPACE")).status == "HTTP/1.1 200 OK");
  state.no_space = false;
  state.failure = "bad \"byte\" \xff";
  store.SetStatus(state);
  CHECK(Ask(store, Get("/health")).body.find("RANGE ERROR:bad \\\"byte\\\" ") != std::string::npos);
  store.SetStatus({});
  store.on_range = [](store::RangeRequest, auto done) {
    done(Error{ErrorCode::kUnavailable, "inner"});
  };
  CHECK(Ask(store, Get("/health")).body ==
        "{\"health\":\"false\",\"reason\":\"RANGE ERROR:etcdserver: request timed out\"}\n");
}

TEST_CASE("HttpEndpoint: other pages, methods and protocols are refused") {
  FakeStore store;
  CHECK(Ask(store, Get("/metrics")).status == "HTTP/1.1 404 Not Found");
  CHECK(Ask(store, "POST /health HTTP/1.1\r\n\r\n").status == "HTTP/1.1 405 Method Not Allowed");
  for (const char* head : {"GET /health\r\n\r\n", "GET\r\n\r\n", "\r\n\r\n",
                           "GET / HTTP/2.0\r\n\r\n", "GET health HTTP/1.1\r\n\r\n"}) {
    CAPTURE(head);
    CHECK(Ask(store, head).status == "HTTP/1.1 400 Bad Request");
  }
}

}  // namespace
}  // namespace kubase::wire
