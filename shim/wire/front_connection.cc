// The first bytes decide.
#include "shim/wire/front_connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "shim/wire/http_endpoint.h"

namespace kubase::wire {
namespace {

// The start of the HTTP/2 preface; no HTTP/1 request begins so.
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n";
// No HTTP/1 method, and no start of a TLS connection either.
constexpr std::string_view kForwardedPreface = "KUBASE-FORWARDED ";
constexpr size_t kPrefaceBytesMax = 64;
constexpr size_t kHeadBytesMax = 8 * 1024;
// Of one connection, before the others have their turn.
constexpr int kReadsAtOnceMax = 16;

bool Interrupted() {
  return errno == EINTR;
}
bool WouldBlock() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

}  // namespace

FrontConnection::Next FrontConnection::OnReadable() {
  char buffer[4096];
  for (int reads = 0; reads < kReadsAtOnceMax; ++reads) {
    const ssize_t count = recv(fd_.get(), buffer, sizeof(buffer), 0);
    if (count < 0 && Interrupted()) continue;
    if (count < 0) return WouldBlock() ? Next::kWaitReadable : Next::kClose;
    if (count == 0) return Next::kClose;
    if (state_ != State::kReading) continue;  // what comes after the request is not ours
    received_.append(buffer, static_cast<size_t>(count));
    if (const Next next = Judge(); next != Next::kWaitReadable) return next;
  }
  return Next::kWaitReadable;
}

std::string ForwardedPreface(int64_t term) {
  return std::string(kForwardedPreface) + std::to_string(term) + "\r\n";
}

bool FrontConnection::TakeForwardedPreface(Next& next) {
  if (forwarded_term_) return true;
  if (!received_.starts_with(kForwardedPreface)) {
    next = Next::kWaitReadable;
    return !kForwardedPreface.starts_with(received_);
  }
  const size_t end = received_.find("\r\n");
  next = received_.size() < kPrefaceBytesMax ? Next::kWaitReadable : Next::kClose;
  if (end == std::string::npos) return false;
  int64_t term = 0;
  const char* const number = received_.data() + kForwardedPreface.size();
  const char* const number_end = received_.data() + end;
  const auto parsed = std::from_chars(number, number_end, term);
  next = Next::kClose;
  if (parsed.ec != std::errc() || parsed.ptr != number_end) return false;
  forwarded_term_ = term;
  received_.erase(0, end + 2);
  next = Next::kWaitReadable;
  return !received_.empty();
}

FrontConnection::Next FrontConnection::Judge() {
  Next next = Next::kWaitReadable;
  if (!TakeForwardedPreface(next)) return next;
  if (speech_ == Speech::kTls) return Next::kHandOver;
  if (std::string_view(received_).starts_with(kHttp2Preface)) return Next::kHandOver;
  if (kHttp2Preface.starts_with(received_)) return Next::kWaitReadable;
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
