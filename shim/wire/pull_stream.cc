// The steps of the stream.
#include "shim/wire/pull_stream.h"

#include <utility>

#include "shim/wire/message_bytes.h"
#include "shim/wire/status_map.h"

namespace kubase::wire {

PullStream::PullStream(Edge& edge, MethodMetrics& metrics)
    : edge_(edge), record_(edge.clock, metrics), entered_(edge.gate.Enter()) {}

bool PullStream::Admit(const grpc::ByteBuffer* bytes, google::protobuf::MessageLite* request) {
  if (!entered_) {
    Fail(ToStatus(Refusal::kServerStopped));
    return false;
  }
  const bool parsed = Parse(bytes, request);
  if (!parsed) Fail(ToStatus(Refusal::kBrokenMessage));
  return parsed;
}

void PullStream::Pull(Source source) {
  source_ = std::move(source);
  Fetch();
}

void PullStream::Fail(const grpc::Status& status) {
  record_.code = status.error_code();
  Finish(status);
}

void PullStream::Fail(const Error& error) {
  Fail(ToStatus(error));
}

void PullStream::Fetch() {
  source_([this](Result<Part> part) { OnFetched(std::move(part)); });
}

void PullStream::OnFetched(Result<Part> part) {
  if (IsAbandoned()) return Fail(grpc::Status::CANCELLED);
  if (!part.ok()) return Fail(part.error());
  message_.Swap(&part->message);
  if (!part->last) return StartWrite(&message_);
  record_.code = grpc::StatusCode::OK;  // first: OnDone may come before the call returns
  StartWriteAndFinish(&message_, grpc::WriteOptions(), grpc::Status::OK);
}

void PullStream::OnWriteDone(bool ok) {
  if (!ok) return Fail(grpc::Status::CANCELLED);
  Fetch();
}

void PullStream::OnCancel() {
  cancelled_.store(true, std::memory_order_release);
}

void PullStream::OnDone() {
  if (entered_) edge_.gate.Leave();
  delete this;
}

}  // namespace kubase::wire
