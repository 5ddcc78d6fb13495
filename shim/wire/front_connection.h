// FrontConnection: an accepted connection until it is known what it speaks: HTTP/2 (then gRPC takes
// it over) or a plain HTTP/1 request (then it is answered here and closed).
//
// Never blocks; owned and used by the listener's thread alone.
#pragma once

#include <cstdint>
#include <string>

#include "shim/base/clock.h"
#include "shim/wire/listen_address.h"

namespace kubase::wire {

class FrontConnection {
 public:
  // What the listener has to do next.
  enum class Next {
    kWaitReadable,
    kWaitWritable,
    kWaitAnswer,  // a request head is complete: answer it, then call Respond
    kHandOver,    // it speaks HTTP/2: take fd and bytes
    kClose,
  };

  // `http_only`: nothing is handed over.
  FrontConnection(OwnedFd fd, int listener_fd, bool http_only, MonotonicTime deadline)
      : deadline(deadline), fd_(std::move(fd)), listener_fd_(listener_fd), http_only_(http_only) {}

  Next OnReadable();
  Next OnWritable();
  // Sends a whole response, then waits for the client to close.
  Next Respond(std::string response);

  int fd() const { return fd_.get(); }
  int listener_fd() const { return listener_fd_; }
  const std::string& head() const { return received_; }
  OwnedFd TakeFd() { return std::move(fd_); }
  std::string TakeBytes() { return std::move(received_); }

  MonotonicTime deadline;  // the listener closes it then

 private:
  enum class State { kReading, kAnswering, kWriting, kDraining };

  Next Judge();
  Next Write();

  OwnedFd fd_;
  int listener_fd_;
  bool http_only_;
  State state_ = State::kReading;
  std::string received_;
  std::string response_;  // what is left of it
};

}  // namespace kubase::wire
