// The one table from our error codes to what an etcd client compares: gRPC code and exact text.
//
// clientv3 compares texts with ==, and kube-apiserver decides by them (410 Gone, 413, retry), so
// the texts of etcd (api/v3rpc/rpctypes/error.go) are part of the contract. An Unavailable never
// carries a free text: some texts make clientv3 send a write a second time.
#pragma once

#include <grpcpp/support/status.h>

#include <string>
#include <string_view>

#include "shim/base/result.h"

namespace kubase::wire {

// The status a client sees. Of what a client asked for wrongly, the error's own message where etcd
// has none; of what has failed here never: what somebody can mend is in the log and in /readyz.
grpc::Status ToStatus(const Error& error);

// The text of ToStatus, for the cancel_reason of a watch.
std::string WireText(const Error& error);

// Answers that have no error code of their own because only the wire gives them.
enum class Refusal {
  kServerStopped,
  kWatchCancelled,
  kAuthNotEnabled,
  kRootUserMissing,
  kUserNotFound,
  kUserNameEmpty,
  kRoleNotFound,
  kRoleNameEmpty,
  kMemberNotFound,
  kMemberNotLearner,
  kMemberUrlsInvalid,
  kBadLeaderTransferee,
  kDowngradeVersionFormat,
  kDowngradeTarget,
  kBrokenRequest,  // of a unary call
  kBrokenMessage,  // on a stream
};
grpc::Status ToStatus(Refusal refusal);

// Understood, but not offered here; `what` says so in one sentence.
grpc::Status Unsupported(std::string_view what);

}  // namespace kubase::wire
