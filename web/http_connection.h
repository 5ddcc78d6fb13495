// HttpConnection: one client's socket, as a state machine that never blocks.
//
// reading -> (a whole request head) handling -> (a reply) writing -> reading again, or draining and
// the end. Each state has a deadline, counted from its beginning, so that a client that sends or
// takes a byte now and then gains nothing.
#pragma once

#include <optional>
#include <string>

#include "shim/base/clock.h"
#include "web/listener.h"

namespace kubase::web {

struct TransportLimits {
  size_t connections_max = 128;       // beyond, the one that has been reading longest is closed
  size_t head_bytes_max = 16 * 1024;  // request line and headers
  std::chrono::milliseconds idle_timeout{30'000};   // between two requests of a connection
  std::chrono::milliseconds read_timeout{5'000};    // from a head's first byte to its last
  std::chrono::milliseconds write_timeout{15'000};  // of one reply
};

// The bytes of a whole HTTP reply; `close`: the connection ends after it.
struct Reply {
  std::string bytes;
  bool close = false;
};

// Used by one thread.
class HttpConnection {
 public:
  enum class State { kReading, kHandling, kWriting, kDraining, kFinished };

  HttpConnection(Listener::Accepted accepted, const TransportLimits& limits, MonotonicTime now);

  State state() const { return state_; }
  Reach reach() const { return accepted_.reach; }
  int fd() const { return accepted_.fd.get(); }
  // When the present state ends by itself; none while a request is handled.
  std::optional<MonotonicTime> deadline() const;
  MonotonicTime state_since() const { return state_since_; }
  // For poll(2).
  short events() const;

  // Reads what is there. Afterwards TakeHead tells whether a request is complete.
  void OnReadable(MonotonicTime now);
  // The next request's head with its final empty line; then the state is kHandling.
  std::optional<std::string> TakeHead(MonotonicTime now);
  // While kHandling (or when a head is refused): sends as much as the client takes.
  void Answer(Reply reply, MonotonicTime now);
  void OnWritable(MonotonicTime now);
  bool head_too_large() const;
  void Finish() { state_ = State::kFinished; }
  // Ends the connection and drops what its client has not taken yet, which the kernel would keep.
  void Abort();

 private:
  void Enter(State state, MonotonicTime now);
  void AfterReply(MonotonicTime now);

  Listener::Accepted accepted_;
  const TransportLimits& limits_;
  State state_ = State::kReading;
  MonotonicTime state_since_;
  MonotonicTime read_until_;
  std::string input_;
  Reply reply_;
  size_t written_ = 0;
};

}  // namespace kubase::web
