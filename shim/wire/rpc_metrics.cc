// Names, labels and buckets.
#include "shim/wire/rpc_metrics.h"

#include "shim/base/result.h"

namespace kubase::wire {
namespace {

const char* TypeLabel(RpcType type) {
  switch (type) {
    case RpcType::kUnary:
      return "unary";
    case RpcType::kServerStream:
      return "server_stream";
    case RpcType::kBidiStream:
      return "bidi_stream";
  }
  CheckFailed(__FILE__, __LINE__, "an RPC type out of its range");
}

// As grpc-go prints codes; dashboards for etcd select by these names.
constexpr std::array<const char*, grpc::StatusCode::UNAUTHENTICATED + 1> kCodeLabels = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

// From a cached get to a slow list.
const prometheus::Histogram::BucketBoundaries kSecondsBuckets = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5};

}  // namespace

RpcMetrics::RpcMetrics(prometheus::Registry& registry)
    : families_{prometheus::BuildCounter()
                    .Name("grpc_server_started_total")
                    .Help("Total number of RPCs started on the server.")
                    .Register(registry),
                prometheus::BuildCounter()
                    .Name("grpc_server_handled_total")
                    .Help("Total number of RPCs completed on the server, regardless of success.")
                    .Register(registry),
                prometheus::BuildHistogram()
                    .Name("grpc_server_handling_seconds")
                    .Help("Time from the start of an RPC to its end on the server.")
                    .Register(registry)} {}

MethodMetrics::MethodMetrics(RpcMetrics& metrics, const std::string& service,
                             const std::string& method, RpcType type)
    : families_(metrics.families()),
      labels_{{"grpc_service", service}, {"grpc_method", method}, {"grpc_type", TypeLabel(type)}},
      started_(families_.started.Add(labels_)),
      seconds_(families_.seconds.Add(labels_, kSecondsBuckets)) {
  HandledCounter(grpc::StatusCode::OK);
}

prometheus::Counter& MethodMetrics::HandledCounter(grpc::StatusCode code) {
  std::atomic<prometheus::Counter*>& slot = handled_[code];
  prometheus::Counter* counter = slot.load(std::memory_order_acquire);
  if (counter == nullptr) {
    prometheus::Labels labels = labels_;
    labels["grpc_code"] = kCodeLabels[code];
    counter = &families_.handled.Add(labels);  // the same one when two threads race
    slot.store(counter, std::memory_order_release);
  }
  return *counter;
}

void MethodMetrics::Handled(grpc::StatusCode code, std::chrono::nanoseconds took) {
  HandledCounter(code).Increment();
  seconds_.Observe(std::chrono::duration<double>(took).count());
}

}  // namespace kubase::wire
