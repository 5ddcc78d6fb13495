// What is told of objects that are left alone.
#include "shim/store/skipped_objects.h"

#include <prometheus/registry.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace kubase::store {
namespace {

TEST_CASE("SkippedObjects: each is counted, the first of a kind and reason is logged") {
  prometheus::Registry registry;
  CollectorMetrics metrics(registry);
  std::vector<std::string> lines;
  const auto log = LogTo([&](LogLevel, const std::string& line) { lines.push_back(line); });
  SkippedObjects skipped(metrics, *log);
  using Reason = CollectorMetrics::Reason;
  skipped.Note("/registry/secrets/a/one", Reason::kUnreadable, "it cannot be read");
  skipped.Note("/registry/secrets/a/two", Reason::kUnreadable, "it cannot be read");
  skipped.Note("/registry/secrets/b/one", Reason::kUnreadable, "it cannot be read");
  REQUIRE(lines.size() == 1);
  CHECK(lines.front().find("/registry/secrets/a/one") != std::string::npos);
  skipped.Note("/registry/configmaps/a/one", Reason::kUnreadable, "it cannot be read");
  skipped.Note("/registry/secrets/a/two", Reason::kUnservedOwner, "its owner is not served");
  CHECK(lines.size() == 3);
  double counted = 0;
  for (const auto& family : registry.Collect()) {
    if (family.name != "kubase_gc_skipped_total") continue;
    for (const auto& metric : family.metric) counted += metric.counter.value;
  }
  CHECK(counted == 5);
}

}  // namespace
}  // namespace kubase::store
