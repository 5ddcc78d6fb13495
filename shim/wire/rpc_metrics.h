// The gRPC server metrics that etcd and kine publish (go-grpc-prometheus names and labels).
#pragma once

#include <grpcpp/support/status.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>

namespace kubase::wire {

// grpc_server_started_total, grpc_server_handled_total and grpc_server_handling_seconds. Lives as
// long as the registry's owner keeps it; the families belong to the registry.
class RpcMetrics {
 public:
  explicit RpcMetrics(prometheus::Registry& registry);

  struct Families {
    prometheus::Family<prometheus::Counter>& started;
    prometheus::Family<prometheus::Counter>& handled;
    prometheus::Family<prometheus::Histogram>& seconds;
  };
  const Families& families() const { return families_; }

 private:
  Families families_;
};

enum class RpcType { kUnary, kServerStream, kBidiStream };

// The metrics of one method. Any thread; after the first call with a code no lock but the
// histogram's own is taken.
class MethodMetrics {
 public:
  // `service` is the full name, as etcdserverpb.KV.
  MethodMetrics(RpcMetrics& metrics, const std::string& service, const std::string& method,
                RpcType type);

  void Started() { started_.Increment(); }
  void Handled(grpc::StatusCode code, std::chrono::nanoseconds took);

 private:
  static constexpr int kCodes = grpc::StatusCode::UNAUTHENTICATED + 1;

  prometheus::Counter& HandledCounter(grpc::StatusCode code);

  const RpcMetrics::Families families_;
  const prometheus::Labels labels_;
  prometheus::Counter& started_;
  prometheus::Histogram& seconds_;
  std::array<std::atomic<prometheus::Counter*>, kCodes> handled_{};  // filled on first use
};

}  // namespace kubase::wire
