// The state machine of one connection.
#include "web/http_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace kubase::web {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
// How long what a client still sends is thrown away, so that it can read the reply before it sees
// the end of the connection.
constexpr std::chrono::milliseconds kDrainTimeout{500};

bool WouldBlock(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

HttpConnection::HttpConnection(Listener::Accepted accepted, const TransportLimits& limits,
                               MonotonicTime now)
    : accepted_(std::move(accepted)), limits_(limits) {
  Enter(State::kReading, now);
}

void HttpConnection::Enter(State state, MonotonicTime now) {
  state_ = state;
  state_since_ = now;
  if (state == State::kReading) {
    read_until_ = now + (input_.empty() ? limits_.idle_timeout : limits_.read_timeout);
  }
}

std::optional<MonotonicTime> HttpConnection::deadline() const {
  switch (state_) {
    case State::kReading:
      return read_until_;
    case State::kWriting:
      return state_since_ + limits_.write_timeout;
    case State::kDraining:
      return state_since_ + kDrainTimeout;
    case State::kHandling:
    case State::kFinished:
      return std::nullopt;
  }
  return std::nullopt;
}

short HttpConnection::events() const {
  switch (state_) {
    case State::kReading:
    case State::kDraining:
      return POLLIN;
    case State::kWriting:
      return POLLOUT;
    case State::kHandling:
    case State::kFinished:
      return 0;
  }
  return 0;
}

void HttpConnection::OnReadable(MonotonicTime now) {
  std::array<char, 4096> buffer;
  const bool draining = state_ == State::kDraining;
  // One buffer per wake-up: a fast sender takes its turn like all others.
  const ssize_t count = recv(fd(), buffer.data(), buffer.size(), 0);
  if (count < 0 && WouldBlock(errno)) return;
  if (count <= 0) return Finish();
  if (draining) return;
  if (input_.empty()) read_until_ = now + limits_.read_timeout;
  input_.append(buffer.data(), static_cast<size_t>(count));
}

bool HttpConnection::head_too_large() const {
  return state_ == State::kReading && input_.size() > limits_.head_bytes_max &&
         input_.find(kHeadEnd) == std::string::npos;
}

void HttpConnection::Abort() {
  const linger drop{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd(), SOL_SOCKET, SO_LINGER, &drop, sizeof drop);
  Finish();
}

std::optional<std::string> HttpConnection::TakeHead(MonotonicTime now) {
  if (state_ != State::kReading) return std::nullopt;
  const size_t end = input_.find(kHeadEnd);
  if (end == std::string::npos) return std::nullopt;
  std::string head = input_.substr(0, end + kHeadEnd.size());
  input_.erase(0, head.size());
  Enter(State::kHandling, now);
  return head;
}

void HttpConnection::Answer(Reply reply, MonotonicTime now) {
  reply_ = std::move(reply);
  written_ = 0;
  Enter(State::kWriting, now);
  OnWritable(now);
}

void HttpConnection::OnWritable(MonotonicTime now) {
  while (written_ < reply_.bytes.size()) {
    const ssize_t count =
        send(fd(), reply_.bytes.data() + written_, reply_.bytes.size() - written_, MSG_NOSIGNAL);
    if (count < 0 && WouldBlock(errno)) return;
    if (count < 0) return Finish();
    written_ += static_cast<size_t>(count);
  }
  AfterReply(now);
}

void HttpConnection::AfterReply(MonotonicTime now) {
  const bool close = reply_.close;
  reply_ = {};
  if (!close) return Enter(State::kReading, now);
  shutdown(fd(), SHUT_WR);
  Enter(State::kDraining, now);
}

}  // namespace kubase::web
