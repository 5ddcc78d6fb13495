// The reactors of unary calls and of streams that the server pulls from the store.
//
// Lifetime: gRPC keeps request, response and context until the end of the call, which comes only
// after Finish. A client that goes away changes nothing of this, so that an answer of the store can
// always be delivered, at worst to nobody.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "shim/base/result.h"
#include "shim/wire/edge.h"
#include "shim/wire/status_map.h"

namespace kubase::wire {

// One call in the metrics.
class CallRecord {
 public:
  CallRecord(const Clock& clock, MethodMetrics& metrics)
      : clock_(clock), metrics_(metrics), started_(clock.Now()) {
    metrics_.Started();
  }
  ~CallRecord() { metrics_.Handled(code, clock_.Now() - started_); }
  CallRecord(const CallRecord&) = delete;
  CallRecord& operator=(const CallRecord&) = delete;

  grpc::StatusCode code = grpc::StatusCode::UNKNOWN;  // set before Finish

 private:
  const Clock& clock_;
  MethodMetrics& metrics_;
  const MonotonicTime started_;
};

// Exactly one of Succeed and Fail, at once or later, from any thread: it answers, and the call
// deletes itself. The reactor is gRPC's own, which unlike those of applications ends without a
// thread of the executor.
template <typename Response>
class UnaryCall final {
 public:
  UnaryCall(Edge& edge, MethodMetrics& metrics, grpc::CallbackServerContext* context,
            Response* response)
      : edge_(edge),
        reactor_(context->DefaultReactor()),
        response_(response),
        record_(edge.clock, metrics),
        entered_(edge.gate.Enter()) {}

  // What the handler returns; to be asked for before the call can be answered.
  grpc::ServerUnaryReactor* reactor() const { return reactor_; }

  // True: go on. False: the server stops or the request is bad, and the call is answered.
  [[nodiscard]] bool Admit(const Result<void>& checked) {
    if (entered_ && checked.ok()) return true;
    Fail(entered_ ? ToStatus(checked.error()) : ToStatus(Refusal::kServerStopped));
    return false;
  }
  [[nodiscard]] bool Admit() { return Admit(Ok()); }

  Response* response() { return response_; }

  void Succeed(store::Revision revision) {
    FillHeader(edge_.identity, revision, response_->mutable_header());
    SucceedWithoutHeader();
  }
  void SucceedWithoutHeader() { Finish(grpc::Status::OK); }
  void Fail(const grpc::Status& status) { Finish(status); }
  void Fail(const Error& error) { Fail(ToStatus(error)); }

  // For answers that are a header alone.
  void AnswerHeader(const Result<store::Revision>& revision) {
    if (!revision.ok()) return Fail(revision.error());
    Succeed(*revision);
  }
  // For answers that convert.h knows.
  template <typename Value>
  void Answer(const Result<Value>& result) {
    if (!result.ok()) return Fail(result.error());
    Fill(*result, response_);
    Succeed(result->revision);
  }

 private:
  ~UnaryCall() = default;

  void Finish(const grpc::Status& status) {
    record_.code = status.error_code();
    grpc::ServerUnaryReactor* const reactor = reactor_;
    Gate* const entered = entered_ ? &edge_.gate : nullptr;
    // Before gRPC and the gate may let the server go, which the record refers to.
    delete this;
    reactor->Finish(status);
    if (entered != nullptr) entered->Leave();
  }

  Edge& edge_;
  grpc::ServerUnaryReactor* const reactor_;
  Response* const response_;
  CallRecord record_;
  const bool entered_;
};

// A server stream fed from the store: fetch a message, write it, fetch the next. At most one fetch
// or write is in flight, so nothing needs a lock.
template <typename Response>
class PullStream final : public grpc::ServerWriteReactor<Response> {
 public:
  // What a fetch hands over: true after the last message. The message is in the response.
  using Fetched = std::function<void(Result<bool> last)>;
  // Fills the (cleared) response and answers once, at once or later.
  using Source = std::function<void(Response* response, Fetched done)>;

  PullStream(Edge& edge, MethodMetrics& metrics)
      : edge_(edge), record_(edge.clock, metrics), entered_(edge.gate.Enter()) {}

  // As UnaryCall::Admit.
  [[nodiscard]] bool Admit(const Result<void>& checked) {
    if (!entered_) {
      Fail(ToStatus(Refusal::kServerStopped));
    } else if (!checked.ok()) {
      Fail(ToStatus(checked.error()));
    }
    return entered_ && checked.ok();
  }
  void Pull(Source source) {
    source_ = std::move(source);
    Fetch();
  }
  void Fail(const grpc::Status& status) {
    record_.code = status.error_code();
    this->Finish(status);
  }

 private:
  void Fetch() {
    response_.Clear();
    source_(&response_, [this](Result<bool> last) { OnFetched(std::move(last)); });
  }

  void OnFetched(Result<bool> last) {
    if (cancelled_.load(std::memory_order_acquire)) return Fail(grpc::Status::CANCELLED);
    if (!last.ok()) return Fail(ToStatus(last.error()));
    if (!*last) return this->StartWrite(&response_);
    record_.code = grpc::StatusCode::OK;  // first: OnDone may come before the call returns
    this->StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Fail(grpc::Status::CANCELLED);
    Fetch();
  }
  void OnCancel() override { cancelled_.store(true, std::memory_order_release); }
  void OnDone() override {
    if (entered_) edge_.gate.Leave();
    delete this;
  }

  Edge& edge_;
  CallRecord record_;
  const bool entered_;
  Response response_;
  Source source_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace kubase::wire
