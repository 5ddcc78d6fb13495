#include "shim/sql/statement_metrics.h"

#include <prometheus/registry.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace kubase::sql {
namespace {

TEST_CASE("StatementMetrics: an outage is one line a minute, with how many failed") {
  prometheus::Registry registry;
  ManualClock clock;
  std::vector<std::string> lines;
  const auto log = LogTo([&](LogLevel, const std::string& line) { lines.push_back(line); });
  StatementMetrics metrics(registry, clock, *log, std::chrono::hours(1));
  const Error away{ErrorCode::kUnavailable, "the server has gone"};
  const auto fail = [&](const char* name, const Error& error) {
    metrics.OnStatement({.name = name, .error = &error});
  };
  for (int i = 0; i < 100; ++i) fail("get", away);
  fail("commit", away);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("the server has gone") != std::string::npos);
  fail("get", {ErrorCode::kCorrupt, "a page is damaged"});
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].find("a page is damaged") != std::string::npos);
  fail("insert", {ErrorCode::kAlreadyExists, "it is there"});
  clock.Advance(LogPacer::kPause);
  fail("list", away);
  REQUIRE(lines.size() == 3);
  CHECK(lines[2].find("unlogged=\"100\"") != std::string::npos);
}

}  // namespace
}  // namespace kubase::sql
