// Unary calls, from the bytes of the request to those of the answer.
//
// Lifetime: gRPC keeps request, response and context until the end of the call, which comes only
// after Finish. A client that goes away changes nothing of this, so that an answer of the store can
// always be delivered, at worst to nobody.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <optional>
#include <utility>

#include "shim/base/result.h"
#include "shim/wire/call_arena.h"
#include "shim/wire/call_record.h"
#include "shim/wire/edge.h"
#include "shim/wire/message_bytes.h"
#include "shim/wire/range_encoding.h"
#include "shim/wire/status_map.h"

namespace kubase::wire {

// Exactly one of Succeed and Fail, at once or later, from any thread: it answers, and nothing of
// the call may be touched afterwards. The call counts as in flight, and lives, until its answer is
// written out, so that a server that stops cuts off no answer. Both messages live on an arena that
// starts inside the call, so that a call with small messages costs one allocation.
template <typename Request, typename Response>
class UnaryCall final : private grpc::ServerUnaryReactor {
 public:
  // The two buffers are gRPC's, which keeps them until the end of the call.
  UnaryCall(Edge& edge, MethodMetrics& metrics, const grpc::ByteBuffer* request,
            grpc::ByteBuffer* response)
      : edge_(edge),
        request_bytes_(request),
        response_bytes_(response),
        request_(arena_.Make<Request>()),
        response_(arena_.Make<Response>()),
        record_(std::in_place, edge.clock, metrics),
        entered_(edge.gate.Enter()) {}

  // What the handler returns; to be asked for before the call can be answered.
  grpc::ServerUnaryReactor* reactor() { return this; }

  // True: go on, the request is there. False: the server stops or the request is bad, and the call
  // is answered.
  [[nodiscard]] bool Admit(Result<void> (*check)(const Request&)) {
    if (!Admit()) return false;
    const Result<void> checked = check(*request_);
    if (!checked.ok()) Fail(checked.error());
    return checked.ok();
  }
  [[nodiscard]] bool Admit() {
    if (!entered_) {
      Fail(ToStatus(Refusal::kServerStopped));
      return false;
    }
    const bool parsed = Parse(request_bytes_, request_);
    if (!parsed) Fail(ToStatus(Refusal::kBrokenRequest));
    return parsed;
  }

  const Request& request() const { return *request_; }
  // For the one who takes the request apart.
  Request&& TakeRequest() { return std::move(*request_); }
  Response* response() { return response_; }
  // Until the answer, on any thread: whether its client has gone, or its time has run out.
  bool IsAbandoned() const { return cancelled_.load(std::memory_order_relaxed); }

  void Succeed(store::Revision revision) {
    FillHeader(edge_.identity, revision, response_->mutable_header());
    SucceedWithoutHeader();
  }
  void SucceedWithoutHeader() { FinishEncoded(Serialize(*response_, response_bytes_)); }
  void Fail(const grpc::Status& status) { End(status); }
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
  // For answers that range_encoding.h knows.
  void Answer(const Result<store::RangeResponse>& range) {
    if (!range.ok()) return Fail(range.error());
    FillRest(edge_.identity, *range, response_);
    FinishEncoded(EncodeRange(*response_, range->kvs, response_bytes_));
  }

 private:
  ~UnaryCall() override = default;

  void OnCancel() override { cancelled_.store(true, std::memory_order_relaxed); }
  void OnDone() override {
    Gate* const entered = entered_ ? &edge_.gate : nullptr;
    delete this;
    if (entered != nullptr) entered->Leave();  // may let the server go
  }
  // gRPC would call OnDone from a thread of its executor otherwise, which costs each call a change
  // of threads. It names this for its own reactors, whose reactions are as short.
  bool InternalInlineable() override { return true; }

  void FinishEncoded(const Result<void>& encoded) {
    End(encoded.ok() ? grpc::Status::OK : ToStatus(encoded.error()));
  }
  void End(const grpc::Status& status) {
    record_->code = status.error_code();
    record_.reset();  // what the client takes to read is not ours
    Finish(status);
  }

  Edge& edge_;
  const grpc::ByteBuffer* const request_bytes_;
  grpc::ByteBuffer* const response_bytes_;
  CallArena arena_;
  Request* const request_;
  Response* const response_;
  std::optional<CallRecord> record_;  // until the answer
  const bool entered_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace kubase::wire
