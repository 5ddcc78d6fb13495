// The first bytes decide.
#include "shim/wire/front_connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "shim/wire/http_endpoint.h"

namespace kubase::wire {
namespace {

// The start of the HTTP/2 preface; no HTTP/1 request begins so.
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n";
constexpr size_t kHeadBytesMax = 8 * 1024;

bool Interrupted() {
  return errno == EINTR;
}
bool WouldBlock() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

}  // namespace

FrontConnection::Next FrontConnection::OnReadable() {
  char buffer[4096];
  while (true) {
    const ssize_t count = recv(fd_.get(), buffer, sizeof(buffer), 0);
    if (count < 0 && Interrupted()) continue;
    if (count < 0) return WouldBlock() ? Next::kWaitReadable : Next::kClose;
    if (count == 0) return Next::kClose;
    if (state_ != State::kReading) continue;  // what comes after the request is not ours
    received_.append(buffer, static_cast<size_t>(count));
    if (const Next next = Judge(); next != Next::kWaitReadable) return next;
  }
}

FrontConnection::Next FrontConnection::Judge() {
  if (!http_only_) {
    if (std::string_view(received_).starts_with(kHttp2Preface)) return Next::kHandOver;
    if (kHttp2Preface.starts_with(received_)) return Next::kWaitReadable;
  }
  const char first = received_.front();
  if (first < 'A' || first > 'Z') return Next::kClose;  // no method; a TLS client, most likely
  if (received_.find("\r\n\r\n") != std::string::npos) {
    state_ = State::kAnswering;
    return Next::kWaitAnswer;
  }
  if (received_.size() < kHeadBytesMax) return Next::kWaitReadable;
  constexpr int kTooLarge = 431;
  return Respond(HttpResponse(kTooLarge, "text/plain", "the request head is too large\n"));
}

FrontConnection::Next FrontConnection::Respond(std::string response) {
  response_ = std::move(response);
  state_ = State::kWriting;
  return Write();
}

FrontConnection::Next FrontConnection::OnWritable() {
  return state_ == State::kWriting ? Write() : Next::kWaitReadable;
}

FrontConnection::Next FrontConnection::Write() {
  while (!response_.empty()) {
    const ssize_t count = send(fd_.get(), response_.data(), response_.size(), MSG_NOSIGNAL);
    if (count < 0 && Interrupted()) continue;
    if (count < 0) return WouldBlock() ? Next::kWaitWritable : Next::kClose;
    response_.erase(0, static_cast<size_t>(count));
  }
  // Closing while unread bytes are there would reset the connection and take the response away.
  state_ = State::kDraining;
  return shutdown(fd_.get(), SHUT_WR) == 0 ? Next::kWaitReadable : Next::kClose;
}

}  // namespace kubase::wire
