// Gate: counts the calls in flight and shuts the door, so that the server can stop in order.
#pragma once

#include <grpcpp/support/status.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <unordered_set>

namespace kubase::wire {

// A stream that has no end of its own and has to be told.
class OpenStream {
 public:
  virtual ~OpenStream() = default;
  // Ends the stream with `status` as soon as the operation in flight allows; later calls change
  // nothing. Must not call back into the gate.
  virtual void End(const grpc::Status& status) = 0;
};

// Any thread.
class Gate {
 public:
  // False: the gate is closed and nothing was counted.
  [[nodiscard]] bool Enter();
  void Leave();
  // As Enter and Leave; between them `stream` is told when the gate closes.
  [[nodiscard]] bool EnterStream(OpenStream* stream);
  void LeaveStream(OpenStream* stream);

  // Refuses from now on, and ends every open stream with `status`.
  void Close(const grpc::Status& status);
  // True: nothing is in flight any more. False: the wait took `longest`.
  [[nodiscard]] bool WaitUntilIdle(std::chrono::milliseconds longest);

 private:
  static constexpr int64_t kClosed = int64_t{1} << 62;

  std::atomic<int64_t> calls_{0};  // in flight, plus kClosed
  std::mutex mutex_;
  std::condition_variable idle_;
  std::unordered_set<OpenStream*> streams_;  // guarded by mutex_
};

}  // namespace kubase::wire
