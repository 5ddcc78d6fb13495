#include "shim/store/kind_counter.h"

#include <catch2/catch.hpp>

#include "shim/store/store_fixture_test.h"

namespace kubase::store {
namespace {

WatchBatch Created(Revision revision, const std::string& key) {
  auto pair = std::make_shared<const KeyValue>(
      KeyValue{.key = key, .create_revision = revision, .mod_revision = revision, .version = 1});
  return {revision, {std::make_shared<const Event>(Event{Event::Type::kPut, pair, nullptr})}};
}

TEST_CASE("KindCounter: a count that failed can be tried again, and counts all that came since") {
  const testing::TestDatabase data;
  const auto database = data.Open();
  const auto connection = database->Connect(sql::Access::kRead);
  REQUIRE(connection.ok());
  KindCounter kinds;

  PublishedRevision ahead(5);  // of what the database has, so that no snapshot is good enough
  CHECK_FALSE(kinds.Load(**connection, ahead).ok());
  kinds.OnCommitted({Created(2, "/registry/pods/a/b")});  // nobody counts: the next count sees it
  CHECK(kinds.Read().empty());

  PublishedRevision published(1);
  REQUIRE(kinds.Load(**connection, published).ok());
  kinds.OnCommitted({Created(2, "/registry/pods/a/b")});
  REQUIRE(kinds.Read().size() == 1);
  CHECK(kinds.Read()[0].count == 1);
}

}  // namespace
}  // namespace kubase::store
