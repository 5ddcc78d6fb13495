// Previews through the unix socket: parameters, answers, refusals, and that nobody else gets one.
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/temporary_directory.h"
#include "web/preview_query.h"
#include "web/server_test_support.h"
#include "web/status_client.h"

namespace kubase::web {
namespace {

TEST_CASE("Preview: parameters there and back") {
  const PreviewQuery query{.kind = "clusterroles",
                           .name = "system:a&b=c d+e%41?#ü",
                           .name_space = "b",
                           .cascade = Cascade::kOrphan,
                           .limit = 7};
  const testing::TemporaryDirectory directory;
  const std::string path = directory.File("status.sock");
  ServerUnderTest test({.bind_address = "", .unix_socket = path});
  const Preview answer{.revision = 5,
                       .deleted = 1,
                       .blocked = 5,
                       .orphaned = 2,
                       .detached = 3,
                       .left_alone = 4,
                       .complete = false,
                       .effects = {{"deleted", "g", "Shirt", "a", "b", "storage", "why"}}};
  test.previews.set_answer(answer);
  const auto reply = GetFromSocket(path, PreviewTarget(query), kReplyTimeout);
  REQUIRE(reply.ok());
  REQUIRE(reply->http_status == 200);
  const PreviewQuery asked = test.previews.asked();
  CHECK(asked.kind == query.kind);
  CHECK(asked.name == query.name);
  CHECK(asked.name_space == query.name_space);
  CHECK(asked.cascade == query.cascade);
  CHECK(asked.limit == query.limit);
  const auto preview = PreviewFromJson(reply->body);
  REQUIRE(preview.ok());
  CHECK(PreviewToJson(*preview) == PreviewToJson(answer));
  CHECK(preview->Total() == 15);
  REQUIRE(preview->effects.size() == 1);
  CHECK(preview->effects.front().why == "why");
}

TEST_CASE("Preview: defaults, and parameters that make no sense") {
  const auto defaults = ParsePreviewQuery({{"kind", "Shirt"}, {"name", "x"}});
  REQUIRE(defaults.ok());
  CHECK(defaults->name_space == "default");
  CHECK(defaults->cascade == Cascade::kBackground);
  CHECK(defaults->limit == 1000);
  const std::pair<QueryParameters, std::string> cases[] = {
      {{}, "kind must be given, and has no \"/\" in it"},
      {{{"kind", "Shirt"}}, "name must be given, and has no \"/\" in it"},
      {{{"kind", "Shirt"}, {"name", "../x"}}, "name must be given, and has no \"/\" in it"},
      {{{"kind", "Shirt"}, {"name", "x"}, {"namespace", "a/b"}},
       "namespace must be given, and has no \"/\" in it"},
      {{{"kind", "Shirt"}, {"name", "x"}, {"cascade", "up"}},
       "cascade must be background, foreground or orphan"},
      {{{"kind", "Shirt"}, {"name", "x"}, {"limit", "0"}},
       "limit must be a number from 1 to 10000"},
      {{{"kind", "Shirt"}, {"name", "x"}, {"limit", "7x"}},
       "limit must be a number from 1 to 10000"},
  };
  for (const auto& [parameters, message] : cases) {
    const auto query = ParsePreviewQuery(parameters);
    REQUIRE_FALSE(query.ok());
    CHECK(query.error().message == message);
  }
  CHECK_FALSE(PreviewFromJson("[]").ok());
  CHECK_FALSE(PreviewFromJson(R"({"effects":7})").ok());
}

TEST_CASE("Preview: refusals are one sentence with the status that fits") {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.File("status.sock");
  ServerUnderTest test({.bind_address = "", .unix_socket = path});
  const std::string target = PreviewTarget({.kind = "Shirt", .name = "x"});
  const std::pair<ErrorCode, int> cases[] = {{ErrorCode::kNotFound, 404},
                                             {ErrorCode::kInvalidArgument, 400},
                                             {ErrorCode::kOverloaded, 503}};
  for (const auto& [code, status] : cases) {
    test.previews.set_answer(Error{code, "no"});
    const auto reply = GetFromSocket(path, target, kReplyTimeout);
    REQUIRE(reply.ok());
    CHECK(reply->http_status == status);
    CHECK(reply->body == "no\n");
  }
  CHECK(GetFromSocket(path, "/api/gc/preview?kind=Shirt", kReplyTimeout)->http_status == 400);
}

TEST_CASE("Preview: there is none over TCP, not even on loopback") {
  ServerUnderTest test;
  const std::string target = PreviewTarget({.kind = "Shirt", .name = "x"});
  CHECK(StatusOf(test.AskFor(target)) == 404);
  CHECK(test.previews.asked().kind.empty());
}

}  // namespace
}  // namespace kubase::web
