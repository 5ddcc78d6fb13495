// FrontConnection: an accepted connection until it is known what it speaks: HTTP/2 or TLS (then it
// is handed over) or a plain HTTP/1 request (then it is answered here and closed).
//
// A connection that another kubase forwards begins with a line that says so (ForwardedPreface), and
// goes on as its client began it.
//
// Never blocks; owned and used by the listener's thread alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "shim/base/clock.h"
#include "shim/wire/listen_address.h"

namespace kubase::wire {

// The first line of a connection that is forwarded to who leads the database in this term.
std::string ForwardedPreface(int64_t term);

class FrontConnection {
 public:
  enum class Speech {
    kMixed,  // HTTP/2 is handed over, HTTP/1 answered
    kTls,    // all is handed over
  };
  // What the listener has to do next.
  enum class Next {
    kWaitReadable,
    kWaitWritable,
    kWaitAnswer,  // a request head is complete: answer it, then call Respond
    kHandOver,    // take fd and bytes
    kClose,
  };

  FrontConnection(OwnedFd fd, int listener_fd, Speech speech, MonotonicTime deadline)
      : deadline(deadline), fd_(std::move(fd)), listener_fd_(listener_fd), speech_(speech) {}

  Next OnReadable();
  Next OnWritable();
  // Sends a whole response, then waits for the client to close.
  Next Respond(std::string response);

  int fd() const { return fd_.get(); }
  int listener_fd() const { return listener_fd_; }
  Speech speech() const { return speech_; }
  // The term that another kubase expects here, if it forwards this connection.
  const std::optional<int64_t>& forwarded_term() const { return forwarded_term_; }
  const std::string& head() const { return received_; }
  OwnedFd TakeFd() { return std::move(fd_); }
  std::string TakeBytes() { return std::move(received_); }

  MonotonicTime deadline;  // the listener closes it then
  bool waits = false;      // to be handed over, until there is somebody to take it

 private:
  enum class State { kReading, kAnswering, kWriting, kDraining };

  Next Judge();
  // True: there is no such line, or it has been taken off.
  bool TakeForwardedPreface(Next& next);
  Next Write();

  OwnedFd fd_;
  int listener_fd_;
  Speech speech_;
  std::optional<int64_t> forwarded_term_;
  State state_ = State::kReading;
  std::string received_;
  std::string response_;  // what is left of it
};

}  // namespace kubase::wire
