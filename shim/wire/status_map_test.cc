// The texts are copied by hand from etcd's api/v3rpc/rpctypes/error.go: the table must not be
// compared with itself.
#include "shim/wire/status_map.h"

#include <catch2/catch.hpp>
#include <string>

namespace kubase::wire {
namespace {

using Code = grpc::StatusCode;

struct Expected {
  ErrorCode code;
  Code grpc_code;
  std::string text;
};

TEST_CASE("StatusMap: every etcd error has etcd's code and exact text") {
  const Expected expected[] = {
      {ErrorCode::kCompacted, Code::OUT_OF_RANGE,
       "etcdserver: mvcc: required revision has been compacted"},
      {ErrorCode::kFutureRevision, Code::OUT_OF_RANGE,
       "etcdserver: mvcc: required revision is a future revision"},
      {ErrorCode::kEmptyKey, Code::INVALID_ARGUMENT, "etcdserver: key is not provided"},
      {ErrorCode::kKeyNotFound, Code::INVALID_ARGUMENT, "etcdserver: key not found"},
      {ErrorCode::kValueProvided, Code::INVALID_ARGUMENT, "etcdserver: value is provided"},
      {ErrorCode::kLeaseProvided, Code::INVALID_ARGUMENT, "etcdserver: lease is provided"},
      {ErrorCode::kDuplicateKey, Code::INVALID_ARGUMENT,
       "etcdserver: duplicate key given in txn request"},
      {ErrorCode::kTooManyOperations, Code::INVALID_ARGUMENT,
       "etcdserver: too many operations in txn request"},
      {ErrorCode::kInvalidSortOption, Code::INVALID_ARGUMENT, "etcdserver: invalid sort option"},
      {ErrorCode::kRequestTooLarge, Code::INVALID_ARGUMENT, "etcdserver: request is too large"},
      {ErrorCode::kLeaseNotFound, Code::NOT_FOUND, "etcdserver: requested lease not found"},
      {ErrorCode::kLeaseExists, Code::FAILED_PRECONDITION, "etcdserver: lease already exists"},
      {ErrorCode::kLeaseTtlTooLarge, Code::OUT_OF_RANGE, "etcdserver: too large lease TTL"},
      {ErrorCode::kNoSpace, Code::RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"},
      {ErrorCode::kLeaderChanged, Code::UNAVAILABLE, "etcdserver: leader changed"},
      {ErrorCode::kOverloaded, Code::RESOURCE_EXHAUSTED, "etcdserver: too many requests"},
      {ErrorCode::kUnavailable, Code::UNAVAILABLE, "etcdserver: request timed out"},
      {ErrorCode::kOutcomeUnknown, Code::UNAVAILABLE, "etcdserver: request timed out"},
      {ErrorCode::kDeadlineExceeded, Code::UNAVAILABLE, "etcdserver: request timed out"},
      {ErrorCode::kCancelled, Code::CANCELLED, "etcdserver: request canceled"},
      {ErrorCode::kCorrupt, Code::DATA_LOSS, "etcdserver: corrupt cluster"},
      {ErrorCode::kAnswerTooLarge, Code::RESOURCE_EXHAUSTED,
       "grpc: trying to send message larger than max (2147483647)"},
      {ErrorCode::kDuplicateWatchId, Code::INVALID_ARGUMENT,
       "mvcc: duplicate watch ID provided on the WatchStream"},
  };
  for (const Expected& line : expected) {
    CAPTURE(line.text);
    const grpc::Status status = ToStatus({line.code, "an inner message that must not show"});
    CHECK(status.error_code() == line.grpc_code);
    CHECK(status.error_message() == line.text);
  }
}

TEST_CASE("StatusMap: codes that etcd does not know keep their own message") {
  const std::pair<ErrorCode, Code> expected[] = {
      {ErrorCode::kInvalidArgument, Code::INVALID_ARGUMENT},
      {ErrorCode::kUnsupported, Code::UNIMPLEMENTED}};
  for (const auto& [code, grpc_code] : expected) {
    const grpc::Status status = ToStatus({code, "what happened"});
    CHECK(status.error_code() == grpc_code);
    CHECK(status.error_message() == "what happened");
  }
}

// A grant that was taken back, a database that was dropped, a file that cannot be opened: to a
// client the same as a database that is away, and not what etcd means by such codes.
TEST_CASE("StatusMap: whatever fails in the database is unavailable, and its words stay here") {
  for (const ErrorCode code : {ErrorCode::kNotFound, ErrorCode::kAlreadyExists,
                               ErrorCode::kPermissionDenied, ErrorCode::kInternal}) {
    const grpc::Status status = ToStatus({code, "permission denied for table objects"});
    CHECK(status.error_code() == Code::UNAVAILABLE);
    CHECK(status.error_message() == "etcdserver: request timed out");
  }
}

TEST_CASE("StatusMap: refusals of the wire have etcd's texts") {
  const std::tuple<Refusal, Code, std::string> expected[] = {
      {Refusal::kServerStopped, Code::UNAVAILABLE, "etcdserver: server stopped"},
      {Refusal::kWatchCancelled, Code::CANCELLED, "etcdserver: watch canceled"},
      {Refusal::kAuthNotEnabled, Code::FAILED_PRECONDITION,
       "etcdserver: authentication is not enabled"},
      {Refusal::kRootUserMissing, Code::FAILED_PRECONDITION,
       "etcdserver: root user does not exist"},
      {Refusal::kUserNotFound, Code::FAILED_PRECONDITION, "etcdserver: user name not found"},
      {Refusal::kUserNameEmpty, Code::INVALID_ARGUMENT, "etcdserver: user name is empty"},
      {Refusal::kRoleNotFound, Code::FAILED_PRECONDITION, "etcdserver: role name not found"},
      {Refusal::kRoleNameEmpty, Code::INVALID_ARGUMENT, "etcdserver: role name is empty"},
      {Refusal::kMemberNotFound, Code::NOT_FOUND, "etcdserver: member not found"},
      {Refusal::kMemberNotLearner, Code::FAILED_PRECONDITION,
       "etcdserver: can only promote a learner member"},
      {Refusal::kMemberUrlsInvalid, Code::INVALID_ARGUMENT,
       "etcdserver: given member URLs are invalid"},
      {Refusal::kBadLeaderTransferee, Code::FAILED_PRECONDITION,
       "etcdserver: bad leader transferee"},
      {Refusal::kDowngradeVersionFormat, Code::INVALID_ARGUMENT,
       "etcdserver: wrong downgrade target version format"},
      {Refusal::kDowngradeTarget, Code::INVALID_ARGUMENT,
       "etcdserver: invalid downgrade target version"},
      {Refusal::kBrokenRequest, Code::INTERNAL,
       "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data"},
      {Refusal::kBrokenMessage, Code::INTERNAL,
       "grpc: failed to unmarshal the received message: proto: cannot parse invalid wire-format "
       "data"}};
  for (const auto& [refusal, code, text] : expected) {
    CHECK(ToStatus(refusal).error_code() == code);
    CHECK(ToStatus(refusal).error_message() == text);
  }
}

}  // namespace
}  // namespace kubase::wire
