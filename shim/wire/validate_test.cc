#include "shim/wire/validate.h"

#include <catch2/catch.hpp>
#include <string>

#include "shim/base/limits.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

// The code of the error, or none.
std::optional<ErrorCode> CodeOf(const Result<void>& result) {
  if (result.ok()) return std::nullopt;
  return result.error().code;
}

pb::RequestOp Put(const std::string& key) {
  pb::RequestOp operation;
  operation.mutable_request_put()->set_key(key);
  return operation;
}

pb::RequestOp Delete(const std::string& key, const std::string& range_end = "") {
  pb::RequestOp operation;
  operation.mutable_request_delete_range()->set_key(key);
  operation.mutable_request_delete_range()->set_range_end(range_end);
  return operation;
}

using Branch = std::vector<pb::RequestOp>;

pb::TxnRequest Txn(const Branch& success, const Branch& failure = {}) {
  pb::TxnRequest txn;
  for (const pb::RequestOp& operation : success) *txn.add_success() = operation;
  for (const pb::RequestOp& operation : failure) *txn.add_failure() = operation;
  return txn;
}

pb::RequestOp Nested(const Branch& success, const Branch& failure = {}) {
  pb::RequestOp operation;
  *operation.mutable_request_txn() = Txn(success, failure);
  return operation;
}

const std::string kEverything(1, '\0');

TEST_CASE("Validate: a range needs a key, and then known sort options") {
  pb::RangeRequest request;
  request.set_sort_order(static_cast<pb::RangeRequest::SortOrder>(9));
  CHECK(CodeOf(CheckRange(request)) == ErrorCode::kEmptyKey);
  request.set_key("k");
  CHECK(CodeOf(CheckRange(request)) == ErrorCode::kInvalidSortOption);
  request.set_sort_order(pb::RangeRequest::DESCEND);
  CHECK(CheckRange(request).ok());
  request.set_sort_target(static_cast<pb::RangeRequest::SortTarget>(5));
  CHECK(CodeOf(CheckRange(request)) == ErrorCode::kInvalidSortOption);
}

TEST_CASE("Validate: a range stream is in key order and without revision filters") {
  pb::RangeRequest request;
  request.set_key("k");
  CHECK(CheckRangeStream(request).ok());
  request.set_sort_target(pb::RangeRequest::VALUE);
  CHECK(CheckRangeStream(request).ok());  // no order: the target does not matter
  request.set_sort_order(pb::RangeRequest::ASCEND);
  CHECK(CodeOf(CheckRangeStream(request)) == ErrorCode::kUnsupported);
  request.set_sort_target(pb::RangeRequest::KEY);
  CHECK(CheckRangeStream(request).ok());
  request.set_sort_order(pb::RangeRequest::DESCEND);
  CHECK(CodeOf(CheckRangeStream(request)) == ErrorCode::kUnsupported);
  request.set_sort_order(pb::RangeRequest::NONE);
  request.set_max_create_revision(1);
  CHECK(CodeOf(CheckRangeStream(request)) == ErrorCode::kUnsupported);
}

TEST_CASE("Validate: a put is checked for key, value and lease in this order") {
  pb::PutRequest request;
  request.set_ignore_value(true);
  request.set_value("v");
  request.set_ignore_lease(true);
  request.set_lease(1);
  CHECK(CodeOf(CheckPut(request)) == ErrorCode::kEmptyKey);
  request.set_key("k");
  CHECK(CodeOf(CheckPut(request)) == ErrorCode::kValueProvided);
  request.clear_value();
  CHECK(CodeOf(CheckPut(request)) == ErrorCode::kLeaseProvided);
  request.clear_lease();
  CHECK(CheckPut(request).ok());
}

TEST_CASE("Validate: a write above the request limit is refused, one at the limit is not") {
  pb::PutRequest request;
  request.set_key("k");
  request.set_value(std::string(limits::kRequestBytesMax, 'x'));
  CHECK(CodeOf(CheckPut(request)) == ErrorCode::kRequestTooLarge);
  request.mutable_value()->resize(limits::kRequestBytesMax - 7);
  REQUIRE(request.ByteSizeLong() == limits::kRequestBytesMax);
  CHECK(CheckPut(request).ok());
  CHECK(CodeOf(CheckTxn(Txn({Put("a"), [&] {
                               pb::RequestOp operation;
                               *operation.mutable_request_put() = request;
                               return operation;
                             }()}))) == ErrorCode::kRequestTooLarge);
}

TEST_CASE("Validate: a transaction may have 128 operations, nested ones use the same budget") {
  Branch puts;
  for (size_t i = 0; i < limits::kTxnOperationsMax; ++i) puts.push_back(Put(std::to_string(i)));
  CHECK(CheckTxn(Txn(puts, puts)).ok());
  puts.push_back(Put("one more"));
  CHECK(CodeOf(CheckTxn(Txn(puts))) == ErrorCode::kTooManyOperations);
  const Branch within(puts.begin(), puts.begin() + 127);
  CHECK(CheckTxn(Txn({Nested(within)})).ok());
  const Branch beyond(puts.begin(), puts.begin() + 128);
  CHECK(CodeOf(CheckTxn(Txn({Nested(beyond)}))) == ErrorCode::kTooManyOperations);
}

TEST_CASE(
    "Validate: the parts of a transaction are checked, an empty one is etcd's key not found") {
  CHECK(CodeOf(CheckTxn(Txn({pb::RequestOp()}))) == ErrorCode::kKeyNotFound);
  CHECK(CodeOf(CheckTxn(Txn({}, {Put("")}))) == ErrorCode::kEmptyKey);
  CHECK(CodeOf(CheckTxn(Txn({Nested({Delete("")})}))) == ErrorCode::kEmptyKey);
  pb::TxnRequest txn;
  txn.add_compare();
  CHECK(CodeOf(CheckTxn(txn)) == ErrorCode::kEmptyKey);
  txn.mutable_compare(0)->set_key("k");
  CHECK(CheckTxn(txn).ok());
  txn.mutable_compare(0)->set_result(static_cast<pb::Compare::CompareResult>(7));
  CHECK(CodeOf(CheckTxn(txn)) == ErrorCode::kInvalidArgument);
}

TEST_CASE("Validate: a range inside a transaction cannot have a selector") {
  pb::TxnRequest request;
  pb::RangeRequest& range = *request.add_failure()->mutable_request_range();
  range.set_key("k");
  CHECK(CheckTxn(request).ok());
  range.set_label_selector("a=b");
  const auto refused = CheckTxn(request);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("TxnOverlap: one path changes a key once, in whatever order") {
  const Branch duplicates[] = {
      {Put("a"), Put("a")},
      {Put("b"), Delete("a", "c")},
      {Delete("a", "c"), Put("b")},
      {Put("a"), Delete("a")},
      {Delete("a"), Put("a")},
      {Put("a"), Nested({Put("a")})},
      {Nested({Put("a")}), Nested({}, {Put("a")})},
      {Delete("a", "c"), Nested({}, {Put("b")})},
      {Nested({Nested({Put("x")})}), Put("x")},
      {Delete("c", "e"), Delete("a", "c"), Put("d")},
      {Delete("a", "c"), Delete("c", "e"), Delete("b", "d"), Put("a")},
  };
  for (const Branch& branch : duplicates) {
    CAPTURE(Txn(branch).DebugString());
    CHECK(CodeOf(CheckTxn(Txn(branch))) == ErrorCode::kDuplicateKey);
    CHECK(CodeOf(CheckTxn(Txn({}, branch))) == ErrorCode::kDuplicateKey);
  }
}

TEST_CASE("TxnOverlap: what excludes itself or does not meet is allowed") {
  const Branch fine[] = {
      {Put("a"), Put("b")},
      {Delete("a", "c"), Delete("b", "d"), Delete("b")},
      {Delete("a", "c"), Put("c")},
      {Delete("b", "c"), Put("a")},
      {Delete("c", "a"), Put("b")},  // an inverted range is empty
      {Nested({Put("a")}, {Put("a")})},
      {Nested({Put("a")}, {Delete("a")})},
      {Delete("a", "b"), Delete("d", "e"), Put("c")},
      // What etcd's check does not see: a range without end, and a delete in a later nested one.
      {Put("z"), Delete("m", kEverything)},
      {Nested({Put("b")}), Nested({Delete("a", "c")})},
  };
  for (const Branch& branch : fine) {
    CAPTURE(Txn(branch).DebugString());
    CHECK(CheckTxn(Txn(branch)).ok());
  }
  CHECK(CheckTxn(Txn({Put("a")}, {Put("a")})).ok());
}

}  // namespace
}  // namespace kubase::wire
