// A server stream fed from the store: fetch a message, write it, fetch the next.
//
// At most one fetch or write is in flight, so nothing needs a lock.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <functional>

#include "shim/base/result.h"
#include "shim/wire/call_record.h"
#include "shim/wire/edge.h"

namespace kubase::wire {

// Deletes itself at the end of the call. The handler makes it, asks Admit, and when that is true
// calls Pull or Fail once, at once or later, from any thread.
class PullStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  struct Part {
    grpc::ByteBuffer message;
    bool last = false;
  };
  using Fetched = std::function<void(Result<Part> part)>;
  // Answers with the next message once, at once or later.
  using Source = std::function<void(Fetched done)>;

  PullStream(Edge& edge, MethodMetrics& metrics);

  // True: go on, the request is there. False: the server stops or the bytes are no such message,
  // and the call is answered.
  [[nodiscard]] bool Admit(const grpc::ByteBuffer* bytes, google::protobuf::MessageLite* request);
  void Pull(Source source);
  // While a message is fetched, on any thread: whether its client has gone.
  bool IsAbandoned() const { return cancelled_.load(std::memory_order_acquire); }
  void Fail(const grpc::Status& status);
  void Fail(const Error& error);

 private:
  void Fetch();
  void OnFetched(Result<Part> part);
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  Edge& edge_;
  CallRecord record_;
  const bool entered_;
  grpc::ByteBuffer message_;  // being written
  Source source_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace kubase::wire
