// Protocol checks, without state.
#include "shim/wire/validate.h"

#include <algorithm>
#include <string>

#include "shim/base/limits.h"
#include "shim/wire/txn_overlap.h"

namespace kubase::wire {
namespace {

namespace pb = ::etcdserverpb;

Result<void> CheckKey(const std::string& key, const char* what) {
  if (!key.empty()) return Ok();
  return Error{ErrorCode::kEmptyKey, std::string(what) + " has no key"};
}

// Only what is logged for ever is limited, as in etcd; reads are limited by the receive limit.
Result<void> CheckSize(size_t bytes) {
  if (bytes <= limits::kRequestBytesMax) return Ok();
  return Error{ErrorCode::kRequestTooLarge, "a request of " + std::to_string(bytes) +
                                                " bytes exceeds the limit of " +
                                                std::to_string(limits::kRequestBytesMax)};
}

Result<void> CheckPutFields(const pb::PutRequest& request) {
  KUBASE_TRY(CheckKey(request.key(), "a put"));
  if (request.ignore_value() && !request.value().empty()) {
    return Error{ErrorCode::kValueProvided, "a put has a value and ignore_value"};
  }
  if (request.ignore_lease() && request.lease() != 0) {
    return Error{ErrorCode::kLeaseProvided, "a put has a lease and ignore_lease"};
  }
  return Ok();
}

Result<void> CheckCompare(const pb::Compare& compare) {
  KUBASE_TRY(CheckKey(compare.key(), "a comparison"));
  if (pb::Compare::CompareResult_IsValid(compare.result()) &&
      pb::Compare::CompareTarget_IsValid(compare.target())) {
    return Ok();
  }
  return Error{ErrorCode::kInvalidArgument, "a comparison has an unknown result or target"};
}

Result<void> CheckTxnFields(const pb::TxnRequest& request, int operations_max);

Result<void> CheckRangeOfTxn(const pb::RangeRequest& request) {
  if (!request.label_selector().empty() || !request.field_selector().empty()) {
    return Error{
        ErrorCode::kInvalidArgument,
        "a range inside a transaction cannot have a selector; send it as a call of its own"};
  }
  return CheckRange(request);
}

Result<void> CheckOperation(const pb::RequestOp& operation, int operations_max) {
  switch (operation.request_case()) {
    case pb::RequestOp::kRequestRange:
      return CheckRangeOfTxn(operation.request_range());
    case pb::RequestOp::kRequestPut:
      return CheckPutFields(operation.request_put());
    case pb::RequestOp::kRequestDeleteRange:
      return CheckKey(operation.request_delete_range().key(), "a delete");
    case pb::RequestOp::kRequestTxn:
      return CheckTxnFields(operation.request_txn(), operations_max);
    case pb::RequestOp::REQUEST_NOT_SET:
      break;
  }
  return Error{ErrorCode::kKeyNotFound, "a transaction has an empty operation"};
}

// A nested transaction may use what its parents left of the budget; this bounds the depth too.
Result<void> CheckTxnFields(const pb::TxnRequest& request, int operations_max) {
  const int operations =
      std::max({request.compare_size(), request.success_size(), request.failure_size()});
  if (operations > operations_max) {
    return Error{
        ErrorCode::kTooManyOperations,
        "a transaction has more than " + std::to_string(limits::kTxnOperationsMax) + " operations"};
  }
  for (const pb::Compare& compare : request.compare()) KUBASE_TRY(CheckCompare(compare));
  for (const auto* branch : {&request.success(), &request.failure()}) {
    for (const pb::RequestOp& operation : *branch) {
      KUBASE_TRY(CheckOperation(operation, operations_max - operations));
    }
  }
  return Ok();
}

}  // namespace

Result<void> CheckRange(const pb::RangeRequest& request) {
  KUBASE_TRY(CheckKey(request.key(), "a range"));
  if (!pb::RangeRequest::SortOrder_IsValid(request.sort_order()) ||
      !pb::RangeRequest::SortTarget_IsValid(request.sort_target())) {
    return Error{ErrorCode::kInvalidSortOption, "a range has an unknown sort option"};
  }
  return Ok();
}

Result<void> CheckRangeStream(const pb::RangeRequest& request) {
  KUBASE_TRY(CheckRange(request));
  const bool key_order = request.sort_order() == pb::RangeRequest::NONE ||
                         (request.sort_order() == pb::RangeRequest::ASCEND &&
                          request.sort_target() == pb::RangeRequest::KEY);
  if (!key_order) {
    return Error{ErrorCode::kUnsupported, "RangeStream does not support custom sort orders"};
  }
  if (request.min_mod_revision() != 0 || request.max_mod_revision() != 0 ||
      request.min_create_revision() != 0 || request.max_create_revision() != 0) {
    return Error{ErrorCode::kUnsupported, "RangeStream does not support revision filters"};
  }
  return Ok();
}

Result<void> CheckPut(const pb::PutRequest& request) {
  KUBASE_TRY(CheckPutFields(request));
  return CheckSize(request.ByteSizeLong());
}

Result<void> CheckDeleteRange(const pb::DeleteRangeRequest& request) {
  KUBASE_TRY(CheckKey(request.key(), "a delete"));
  return CheckSize(request.ByteSizeLong());
}

Result<void> CheckTxn(const pb::TxnRequest& request) {
  KUBASE_TRY(CheckTxnFields(request, static_cast<int>(limits::kTxnOperationsMax)));
  KUBASE_TRY(CheckOverlaps(request));
  return CheckSize(request.ByteSizeLong());
}

}  // namespace kubase::wire
