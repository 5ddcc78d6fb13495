// What a search by selector costs, as the number of objects grows: counted, not timed.
#include <fmt/format.h>

#include <atomic>
#include <catch2/catch.hpp>

#include "shim/select/selector.h"
#include "shim/store/store_fixture_test.h"

namespace kubase::store {
namespace {

// Adds up what statements cost.
class Searches final : public sql::StatementObserver {
 public:
  struct Cost {
    int64_t objects = 0;  // that the searches by attributes looked at
    int64_t rows = 0;     // of all statements
    int64_t steps = 0;
  };

  void OnStatement(const sql::StatementRun& run) override {
    if (run.name == "match") objects_ += run.rows;
    rows_ += run.rows;
    steps_ += run.steps;
  }
  // Since the last call.
  Cost Take() { return {objects_.exchange(0), rows_.exchange(0), steps_.exchange(0)}; }

 private:
  std::atomic<int64_t> objects_{0};
  std::atomic<int64_t> rows_{0};
  std::atomic<int64_t> steps_{0};
};

// So many objects with a label of their own and one in common, in the transactions of 128.
class EqualWidgets {
 public:
  explicit EqualWidgets(int objects) : fixture_({}, &searches_) {
    for (int first = 0; first < objects; first += 128) {
      TxnRequest txn;
      for (int i = first; i < std::min(first + 128, objects); ++i) {
        txn.success.push_back({PutRequest{
            .key = fmt::format("{}a/w{:06}", kWidgetsPrefix, i),
            .value = fmt::format(R"({{"metadata":{{"labels":{{"id":"{}","app":"all"}}}}}})", i)}});
      }
      REQUIRE(fixture_.Txn(std::move(txn)).ok());
    }
  }

  Searches::Cost CostOf(const std::string& labels, const std::string& fields, int64_t limit,
                        size_t found) {
    auto selector = select::ParseSelector(labels, fields);
    REQUIRE(selector.ok());
    searches_.Take();
    const auto answer = fixture_.Range(
        {.range = kWidgets,
         .limit = limit,
         .selector = std::make_shared<const select::Selector>(std::move(selector).value())});
    REQUIRE(answer.ok());
    CHECK(answer->kvs.size() == found);
    return searches_.Take();
  }

 private:
  Searches searches_;
  StoreFixture fixture_;
};

TEST_CASE("ScanMatching: what it costs grows with what it finds, not with what there is") {
  EqualWidgets few(500);
  EqualWidgets many(20'000);
  const auto check = [&](const std::string& labels, int64_t limit, size_t found,
                         const std::string& fields = "") {
    CAPTURE(labels, fields, limit);
    const Searches::Cost at_few = few.CostOf(labels, fields, limit, found);
    const Searches::Cost at_many = many.CostOf(labels, fields, limit, found);
    CHECK(at_few.objects <= static_cast<int64_t>(found) + 1);  // one more tells of the next page
    CHECK(at_many.objects == at_few.objects);
    CHECK(at_many.rows == at_few.rows);
    CHECK(at_many.steps <= at_few.steps * 3 / 2);
  };
  check("id=123", 0, 1);
  check("id=123,app=all", 0, 1);
  check("app=all,id in (7,123,400)", 0, 3);
  check("app,id=123", 0, 1);
  check("id=123,app!=other", 0, 1);
  check("id=none", 0, 0);
  check("app=all", 50, 50);
  check("app!=other", 50, 50);
  check("", 0, 1, "metadata.name=w000123");
  check("app=all", 0, 1, "metadata.name=w000123");
  check("app!=other", 0, 0, "metadata.name=none");
}

}  // namespace
}  // namespace kubase::store
