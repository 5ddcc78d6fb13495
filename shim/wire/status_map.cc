// The status tables, as data.
#include "shim/wire/status_map.h"

namespace kubase::wire {
namespace {

using Code = grpc::StatusCode;

struct WireStatus {
  Code code;
  const char* text;  // null: the error's own message
};

constexpr const char* kTimedOut = "etcdserver: request timed out";

// A switch without default, so that a new error code does not compile without its line here.
WireStatus Lookup(ErrorCode code) {
  switch (code) {
    case ErrorCode::kCompacted:
      return {Code::OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted"};
    case ErrorCode::kFutureRevision:
      return {Code::OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision"};
    case ErrorCode::kEmptyKey:
      return {Code::INVALID_ARGUMENT, "etcdserver: key is not provided"};
    case ErrorCode::kKeyNotFound:
      return {Code::INVALID_ARGUMENT, "etcdserver: key not found"};
    case ErrorCode::kValueProvided:
      return {Code::INVALID_ARGUMENT, "etcdserver: value is provided"};
    case ErrorCode::kLeaseProvided:
      return {Code::INVALID_ARGUMENT, "etcdserver: lease is provided"};
    case ErrorCode::kDuplicateKey:
      return {Code::INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request"};
    case ErrorCode::kTooManyOperations:
      return {Code::INVALID_ARGUMENT, "etcdserver: too many operations in txn request"};
    case ErrorCode::kInvalidSortOption:
      return {Code::INVALID_ARGUMENT, "etcdserver: invalid sort option"};
    case ErrorCode::kRequestTooLarge:
      return {Code::INVALID_ARGUMENT, "etcdserver: request is too large"};
    case ErrorCode::kLeaseNotFound:
      return {Code::NOT_FOUND, "etcdserver: requested lease not found"};
    case ErrorCode::kLeaseExists:
      return {Code::FAILED_PRECONDITION, "etcdserver: lease already exists"};
    case ErrorCode::kLeaseTtlTooLarge:
      return {Code::OUT_OF_RANGE, "etcdserver: too large lease TTL"};
    case ErrorCode::kDuplicateWatchId:
      return {Code::INVALID_ARGUMENT, "mvcc: duplicate watch ID provided on the WatchStream"};
    case ErrorCode::kNoSpace:
      return {Code::RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"};
    case ErrorCode::kLeaderChanged:
      return {Code::UNAVAILABLE, "etcdserver: leader changed"};
    case ErrorCode::kAnswerTooLarge:
      return {Code::RESOURCE_EXHAUSTED,
              "grpc: trying to send message larger than max (2147483647)"};
    case ErrorCode::kCollectedByStorage:
      return {Code::FAILED_PRECONDITION, "kubase: the storage collects this object"};
    case ErrorCode::kInvalidArgument:
      return {Code::INVALID_ARGUMENT, nullptr};
    case ErrorCode::kUnsupported:
      return {Code::UNIMPLEMENTED, nullptr};
    case ErrorCode::kOverloaded:
      return {Code::RESOURCE_EXHAUSTED, "etcdserver: too many requests"};
    case ErrorCode::kUnavailable:
    case ErrorCode::kConflict:
    case ErrorCode::kOutcomeUnknown:
    case ErrorCode::kDeadlineExceeded:
    // These come from the database alone here. etcd means something else by such codes, and what a
    // server says of its tables and users is for the log.
    case ErrorCode::kNotFound:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kInternal:
      return {Code::UNAVAILABLE, kTimedOut};
    case ErrorCode::kCancelled:
      return {Code::CANCELLED, "etcdserver: request canceled"};
    case ErrorCode::kCorrupt:
      return {Code::DATA_LOSS, "etcdserver: corrupt cluster"};
  }
  CheckFailed(__FILE__, __LINE__, "an error code out of its range");
}

WireStatus Lookup(Refusal refusal) {
  switch (refusal) {
    case Refusal::kServerStopped:
      return {Code::UNAVAILABLE, "etcdserver: server stopped"};
    case Refusal::kWatchCancelled:
      return {Code::CANCELLED, "etcdserver: watch canceled"};
    case Refusal::kAuthNotEnabled:
      return {Code::FAILED_PRECONDITION, "etcdserver: authentication is not enabled"};
    case Refusal::kRootUserMissing:
      return {Code::FAILED_PRECONDITION, "etcdserver: root user does not exist"};
    case Refusal::kUserNotFound:
      return {Code::FAILED_PRECONDITION, "etcdserver: user name not found"};
    case Refusal::kUserNameEmpty:
      return {Code::INVALID_ARGUMENT, "etcdserver: user name is empty"};
    case Refusal::kRoleNotFound:
      return {Code::FAILED_PRECONDITION, "etcdserver: role name not found"};
    case Refusal::kRoleNameEmpty:
      return {Code::INVALID_ARGUMENT, "etcdserver: role name is empty"};
    case Refusal::kMemberNotFound:
      return {Code::NOT_FOUND, "etcdserver: member not found"};
    case Refusal::kMemberNotLearner:
      return {Code::FAILED_PRECONDITION, "etcdserver: can only promote a learner member"};
    case Refusal::kMemberUrlsInvalid:
      return {Code::INVALID_ARGUMENT, "etcdserver: given member URLs are invalid"};
    case Refusal::kBadLeaderTransferee:
      return {Code::FAILED_PRECONDITION, "etcdserver: bad leader transferee"};
    case Refusal::kDowngradeVersionFormat:
      return {Code::INVALID_ARGUMENT, "etcdserver: wrong downgrade target version format"};
    case Refusal::kDowngradeTarget:
      return {Code::INVALID_ARGUMENT, "etcdserver: invalid downgrade target version"};
    case Refusal::kBrokenRequest:
      return {Code::INTERNAL,
              "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data"};
    case Refusal::kBrokenMessage:
      return {Code::INTERNAL,
              "grpc: failed to unmarshal the received message: proto: cannot parse invalid "
              "wire-format data"};
  }
  CheckFailed(__FILE__, __LINE__, "a refusal out of its range");
}

}  // namespace

grpc::Status ToStatus(const Error& error) {
  const WireStatus status = Lookup(error.code);
  return grpc::Status(status.code, status.text != nullptr ? status.text : error.message);
}

std::string WireText(const Error& error) {
  return ToStatus(error).error_message();
}

grpc::Status ToStatus(Refusal refusal) {
  const WireStatus status = Lookup(refusal);
  return grpc::Status(status.code, status.text);
}

grpc::Status Unsupported(std::string_view what) {
  return grpc::Status(Code::UNIMPLEMENTED, std::string(what));
}

}  // namespace kubase::wire
