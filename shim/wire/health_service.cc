// Health by asking the store.
#include "shim/wire/health_service.h"

#include <grpcpp/alarm.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "shim/wire/calls.h"

namespace kubase::wire {
namespace {

namespace health_pb = ::grpc::health::v1;
using ServingStatus = health_pb::HealthCheckResponse::ServingStatus;

constexpr const char* kHealthService = "grpc.health.v1.Health";
constexpr std::chrono::seconds kWatchInterval{1};

ServingStatus StatusOf(const Result<store::StoreStatus>& status) {
  return status.ok() && status->failure.empty() ? health_pb::HealthCheckResponse::SERVING
                                                : health_pb::HealthCheckResponse::NOT_SERVING;
}

// Ask, write if it changed, wait, ask again: exactly one of these is under way. The end waits for
// it (a wait is cut short), so that nothing can come back to an object that is gone.
class HealthWatch final : public grpc::ServerWriteReactor<grpc::ByteBuffer>, public OpenStream {
 public:
  HealthWatch(Edge& edge, MethodMetrics& metrics, const grpc::ByteBuffer* request)
      : edge_(edge),
        record_(edge.clock, metrics),
        parsed_(Parse(request, &request_)),
        entered_(edge.gate.EnterStream(this)) {
    if (!entered_) End(ToStatus(Refusal::kServerStopped));
    if (!parsed_) End(ToStatus(Refusal::kBrokenMessage));
    Ask();
  }

  void End(const grpc::Status& status) override {
    std::lock_guard lock(mutex_);
    if (!end_.has_value()) end_ = status;
    if (alarm_ != nullptr) alarm_->Cancel();
  }

 private:
  void Ask() {
    edge_.store.Status([this](Result<store::StoreStatus> status) {
      OnAnswer(request_.service().empty() ? StatusOf(status)
                                          : health_pb::HealthCheckResponse::SERVICE_UNKNOWN);
    });
  }

  void OnAnswer(ServingStatus status) {
    std::lock_guard lock(mutex_);
    if (end_.has_value()) return FinishLocked();
    if (sent_ == status) return WaitLocked();
    sent_ = status;
    health_pb::HealthCheckResponse response;
    response.set_status(status);
    const Result<void> serialized = Serialize(response, &response_);
    KUBASE_CHECK(serialized.ok());
    StartWrite(&response_);
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    if (!ok && !end_.has_value()) end_ = grpc::Status::CANCELLED;
    if (end_.has_value()) return FinishLocked();
    WaitLocked();
  }

  void WaitLocked() {
    alarm_ = std::make_unique<grpc::Alarm>();  // a new one: the old one's callback may be running
    alarm_->Set(std::chrono::system_clock::now() + kWatchInterval, [this](bool) { Ask(); });
  }

  void FinishLocked() {
    record_.code = end_->error_code();
    Finish(*end_);
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override {
    if (entered_) edge_.gate.LeaveStream(this);
    delete this;
  }

  Edge& edge_;
  CallRecord record_;
  health_pb::HealthCheckRequest request_;
  const bool parsed_;
  grpc::ByteBuffer response_;           // being written
  std::mutex mutex_;                    // guards all below
  std::unique_ptr<grpc::Alarm> alarm_;  // of the wait
  std::optional<ServingStatus> sent_;
  std::optional<grpc::Status> end_;
  const bool entered_;  // last: once it is known to the gate, End may come
};

}  // namespace

HealthService::HealthService(Edge& edge)
    : edge_(edge),
      check_(edge.metrics, kHealthService, "Check", RpcType::kUnary),
      watch_(edge.metrics, kHealthService, "Watch", RpcType::kServerStream) {}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext*,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  auto* call = new UnaryCall<health_pb::HealthCheckRequest, health_pb::HealthCheckResponse>(
      edge_, check_, request, response);
  auto* const reactor = call->reactor();
  if (!call->Admit()) return reactor;
  if (!call->request().service().empty()) {
    call->Fail(grpc::Status(grpc::StatusCode::NOT_FOUND, "unknown service"));
    return reactor;
  }
  edge_.store.Status([call](Result<store::StoreStatus> status) {
    call->response()->set_status(StatusOf(status));
    call->SucceedWithoutHeader();
  });
  return reactor;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* HealthService::Watch(grpc::CallbackServerContext*,
                                                                 const grpc::ByteBuffer* request) {
  return new HealthWatch(edge_, watch_, request);
}

}  // namespace kubase::wire
