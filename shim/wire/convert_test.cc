#include "shim/wire/convert.h"

#include <catch2/catch.hpp>
#include <string>

#include "shim/wire/fake_store_test.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

TEST_CASE("Convert: a range request keeps every field") {
  pb::RangeRequest from;
  from.set_key("a");
  from.set_range_end("b");
  from.set_limit(3);
  from.set_revision(4);
  from.set_sort_order(pb::RangeRequest::DESCEND);
  from.set_sort_target(pb::RangeRequest::MOD);
  from.set_keys_only(true);
  from.set_count_only(true);
  from.set_min_mod_revision(5);
  from.set_max_mod_revision(6);
  from.set_min_create_revision(7);
  from.set_max_create_revision(8);
  const store::RangeRequest to = ToStore(std::move(from));
  CHECK(to.range == store::KeyRange{"a", "b"});
  CHECK(to.limit == 3);
  CHECK(to.revision == 4);
  CHECK(to.sort_order == store::SortOrder::kDescend);
  CHECK(to.sort_target == store::SortTarget::kMod);
  CHECK(to.keys_only);
  CHECK(to.count_only);
  CHECK(to.min_mod_revision == 5);
  CHECK(to.max_mod_revision == 6);
  CHECK(to.min_create_revision == 7);
  CHECK(to.max_create_revision == 8);
}

TEST_CASE("Convert: each sort target is itself, also without an order") {
  const std::pair<pb::RangeRequest::SortTarget, store::SortTarget> targets[] = {
      {pb::RangeRequest::KEY, store::SortTarget::kKey},
      {pb::RangeRequest::VERSION, store::SortTarget::kVersion},
      {pb::RangeRequest::CREATE, store::SortTarget::kCreate},
      {pb::RangeRequest::MOD, store::SortTarget::kMod},
      {pb::RangeRequest::VALUE, store::SortTarget::kValue}};
  for (const auto& [wire, expected] : targets) {
    pb::RangeRequest from;
    from.set_sort_target(wire);
    const store::RangeRequest to = ToStore(std::move(from));
    CHECK(to.sort_target == expected);
    CHECK(to.sort_order == store::SortOrder::kNone);
  }
}

TEST_CASE("Convert: comparisons keep relation, target, operand and range") {
  using Relation = store::Compare::Relation;
  using Target = store::Compare::Target;
  pb::TxnRequest from;
  auto add = [&](pb::Compare::CompareResult result, pb::Compare::CompareTarget target) {
    pb::Compare* compare = from.add_compare();
    compare->set_key("k");
    compare->set_range_end("l");
    compare->set_result(result);
    compare->set_target(target);
    return compare;
  };
  add(pb::Compare::EQUAL, pb::Compare::VERSION)->set_version(1);
  add(pb::Compare::GREATER, pb::Compare::CREATE)->set_create_revision(2);
  add(pb::Compare::LESS, pb::Compare::MOD)->set_mod_revision(3);
  add(pb::Compare::NOT_EQUAL, pb::Compare::VALUE)->set_value("v");
  add(pb::Compare::EQUAL, pb::Compare::LEASE)->set_lease(4);
  add(pb::Compare::EQUAL, pb::Compare::MOD)->set_version(9);  // the wrong union counts as 0
  const store::TxnRequest to = ToStore(std::move(from));
  REQUIRE(to.compares.size() == 6);
  const std::tuple<Relation, Target, int64_t, std::string> expected[] = {
      {Relation::kEqual, Target::kVersion, 1, ""}, {Relation::kGreater, Target::kCreate, 2, ""},
      {Relation::kLess, Target::kMod, 3, ""},      {Relation::kNotEqual, Target::kValue, 0, "v"},
      {Relation::kEqual, Target::kLease, 4, ""},   {Relation::kEqual, Target::kMod, 0, ""}};
  for (size_t i = 0; i < to.compares.size(); ++i) {
    const store::Compare& compare = to.compares[i];
    CAPTURE(i);
    CHECK(compare.range == store::KeyRange{"k", "l"});
    CHECK(std::tuple(compare.relation, compare.target, compare.number, compare.value) ==
          expected[i]);
  }
}

TEST_CASE("Convert: a transaction keeps its operations and their nesting") {
  pb::TxnRequest from;
  pb::PutRequest* put = from.add_success()->mutable_request_put();
  put->set_key("k");
  put->set_value("v");
  put->set_lease(5);
  put->set_prev_kv(true);
  put->set_ignore_value(true);
  put->set_ignore_lease(true);
  from.add_success()->mutable_request_txn()->add_failure()->mutable_request_range()->set_key("n");
  pb::DeleteRangeRequest* removal = from.add_failure()->mutable_request_delete_range();
  removal->set_key("d");
  removal->set_range_end("e");
  removal->set_prev_kv(true);
  const store::TxnRequest to = ToStore(std::move(from));
  REQUIRE(to.success.size() == 2);
  const auto& put_request = std::get<store::PutRequest>(to.success[0].request);
  CHECK(put_request.key == "k");
  CHECK(put_request.value == "v");
  CHECK(put_request.lease == 5);
  CHECK((put_request.prev_kv && put_request.ignore_value && put_request.ignore_lease));
  const auto& nested = std::get<store::TxnRequest>(to.success[1].request);
  REQUIRE(nested.failure.size() == 1);
  CHECK(std::get<store::RangeRequest>(nested.failure[0].request).range.key == "n");
  REQUIRE(to.failure.size() == 1);
  const auto& delete_request = std::get<store::DeleteRangeRequest>(to.failure[0].request);
  CHECK(delete_request.range == store::KeyRange{"d", "e"});
  CHECK(delete_request.prev_kv);
}

TEST_CASE("Convert: the answer to a transaction nests, with revisions in the inner headers") {
  store::TxnResponse inner{.revision = 9, .succeeded = false};
  inner.responses.push_back({store::PutResponse{9, MakePair("p", "old", 3)}});
  store::TxnResponse from{.revision = 9, .succeeded = true};
  from.responses.push_back({store::RangeResponse{
      .revision = 8, .kvs = {MakePair("a", "1", 2)}, .more = true, .count = 5}});
  from.responses.push_back({store::DeleteRangeResponse{
      .revision = 9, .deleted = 2, .prev_kvs = {MakePair("b", "2", 4)}}});
  from.responses.push_back({std::move(inner)});
  pb::TxnResponse to;
  Fill(from, &to);
  CHECK(to.succeeded());
  REQUIRE(to.responses_size() == 3);
  const pb::RangeResponse& range = to.responses(0).response_range();
  CHECK(range.header().revision() == 8);
  CHECK(range.header().cluster_id() == 0);
  CHECK(range.more());
  CHECK(range.count() == 5);
  CHECK(range.kvs(0).value() == "1");
  CHECK(to.responses(1).response_delete_range().deleted() == 2);
  CHECK(to.responses(1).response_delete_range().prev_kvs(0).key() == "b");
  const pb::TxnResponse& nested = to.responses(2).response_txn();
  CHECK_FALSE(nested.succeeded());
  CHECK(nested.responses(0).response_put().prev_kv().value() == "old");
}

TEST_CASE("Convert: a put event has the pair, a delete event key and revision only") {
  const store::KeyValuePtr prev = MakePair("k", "old", 3);
  pb::Event put;
  FillEvent(*MakePut("k", "new", 5, prev), true, &put);
  CHECK(put.type() == pb::Event::PUT);
  CHECK(put.kv().key() == "k");
  CHECK(put.kv().value() == "new");
  CHECK(put.kv().mod_revision() == 5);
  CHECK(put.prev_kv().value() == "old");
  pb::Event without;
  FillEvent(*MakePut("k", "new", 5, prev), false, &without);
  CHECK_FALSE(without.has_prev_kv());
  pb::Event removal;
  FillEvent({store::Event::Type::kDelete, MakePair("k", "ignored", 6), prev}, true, &removal);
  CHECK(removal.type() == pb::Event::DELETE);
  CHECK(removal.kv().key() == "k");
  CHECK(removal.kv().mod_revision() == 6);
  CHECK(removal.kv().create_revision() == 0);
  CHECK(removal.kv().version() == 0);
  CHECK(removal.kv().value().empty());
  CHECK(removal.prev_kv().value() == "old");
}

TEST_CASE("Convert: watch filters and options are kept") {
  pb::WatchCreateRequest from;
  from.set_key("k");
  from.set_range_end("l");
  from.set_start_revision(3);
  from.set_watch_id(4);
  from.set_prev_kv(true);
  from.set_progress_notify(true);
  from.add_filters(pb::WatchCreateRequest::NODELETE);
  const store::WatchRequest to = ToStore(std::move(from));
  CHECK(to.range == store::KeyRange{"k", "l"});
  CHECK(to.start_revision == 3);
  CHECK(to.watch_id == 4);
  CHECK((to.prev_kv && to.progress_notify && to.no_delete));
  CHECK_FALSE(to.no_put);
}

}  // namespace
}  // namespace kubase::wire
