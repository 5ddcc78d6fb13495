// The poll loop.
#include "web/http_transport.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "shim/base/executor.h"

namespace kubase::web {
namespace {

constexpr std::chrono::milliseconds kStopGrace{1000};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr int kPollMaxMs = 60'000;

// A reply of the transport itself, before any handler has seen the request.
Reply Refusal(std::string_view status, std::string_view sentence) {
  std::string bytes = "HTTP/1.1 ";
  bytes.append(status).append("\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ");
  bytes += std::to_string(sentence.size());
  bytes +=
      "\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n";
  if (status.substr(0, 3) == "503") bytes += "Retry-After: 1\r\n";
  bytes.append("\r\n").append(sentence);
  return {std::move(bytes), true};
}

}  // namespace

Result<std::unique_ptr<HttpTransport>> HttpTransport::Start(std::vector<Listener> listeners,
                                                            const TransportLimits& limits,
                                                            Handler handler, const Clock& clock) {
  OwnedFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake.get() < 0) {
    return Error{ErrorCode::kUnavailable,
                 "cannot start the status server: no file descriptor is left; raise the limit of "
                 "open files"};
  }
  std::unique_ptr<HttpTransport> transport(
      new HttpTransport(std::move(listeners), limits, std::move(handler), clock, std::move(wake)));
  transport->thread_ = std::thread([raw = transport.get()] { raw->Run(); });
  return transport;
}

HttpTransport::HttpTransport(std::vector<Listener> listeners, const TransportLimits& limits,
                             Handler handler, const Clock& clock, OwnedFd wake)
    : limits_(limits),
      handler_(std::move(handler)),
      clock_(clock),
      wake_(std::move(wake)),
      listeners_(std::move(listeners)) {}

HttpTransport::~HttpTransport() {
  Stop();
}

void HttpTransport::Stop() {
  stopping_ = true;
  Wake();
  if (thread_.joinable()) thread_.join();
}

void HttpTransport::Wake() const {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the thread is awake anyway.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

void HttpTransport::Run() {
  NameThread("web-sockets");
  while (RunOnce()) {
  }
  connections_.clear();
  listeners_.clear();
}

// One round: wait, accept, read, hand over, write, expire. False: stopped.
bool HttpTransport::RunOnce() {
  std::vector<pollfd> polled{{wake_.get(), POLLIN, 0}};
  const bool accepting = clock_.Now() >= accept_after_;
  for (const Listener& listener : listeners_) {
    polled.push_back({accepting ? listener.fd() : -1, POLLIN, 0});
  }
  const size_t first_connection = polled.size();
  std::vector<ConnectionId> ids;
  for (const auto& [id, connection] : connections_) {
    // A handled connection is left out: a client that hung up would wake us again and again.
    const bool waits = connection.state() == HttpConnection::State::kHandling;
    polled.push_back({waits ? -1 : connection.fd(), connection.events(), 0});
    ids.push_back(id);
  }
  poll(polled.data(), polled.size(), PollTimeoutMs(clock_.Now()));

  const MonotonicTime now = clock_.Now();
  uint64_t ignored;
  [[maybe_unused]] const ssize_t count = read(wake_.get(), &ignored, sizeof ignored);
  if (stopping_ && !listeners_.empty()) {
    stop_until_ = now + kStopGrace;
    listeners_.clear();
  }
  DeliverReplies(now);
  for (size_t i = 0; i < ids.size(); ++i) {
    const short events = polled[first_connection + i].revents;
    Serve(ids[i], connections_.at(ids[i]), events, now);
  }
  Expire(now);
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (polled[1 + i].revents != 0) AcceptFrom(listeners_[i], now);
  }
  if (!stopping_) return true;
  const bool busy = std::any_of(connections_.begin(), connections_.end(), [](const auto& entry) {
    return entry.second.state() == HttpConnection::State::kHandling ||
           entry.second.state() == HttpConnection::State::kWriting;
  });
  return busy && now < stop_until_;
}

void HttpTransport::Expire(MonotonicTime now) {
  for (auto& [id, connection] : connections_) {
    const auto deadline = connection.deadline();
    if (deadline && *deadline <= now) connection.Abort();
  }
  std::erase_if(connections_, [](const auto& entry) {
    return entry.second.state() == HttpConnection::State::kFinished;
  });
}

int HttpTransport::PollTimeoutMs(MonotonicTime now) const {
  auto next = now + std::chrono::milliseconds(kPollMaxMs);
  for (const auto& [id, connection] : connections_) {
    if (const auto deadline = connection.deadline()) next = std::min(next, *deadline);
  }
  if (now < accept_after_) next = std::min(next, accept_after_);
  if (stopping_) next = std::min(next, stop_until_);
  // Rounded up, so that the deadline is over when poll returns.
  return static_cast<int>(
      std::max<int64_t>(std::chrono::ceil<std::chrono::milliseconds>(next - now).count(), 0));
}

void HttpTransport::AcceptFrom(const Listener& listener, MonotonicTime now) {
  for (Listener::Accepted accepted = listener.Accept(); accepted.fd.get() >= 0;
       accepted = listener.Accept()) {
    MakeRoom();
    connections_.emplace(next_id_++, HttpConnection(std::move(accepted), limits_, now));
  }
  // The waiting connection stays in the backlog; polling it at once would only burn the processor.
  if (errno == EMFILE || errno == ENFILE) accept_after_ = now + kAcceptPause;
}

// Who has been reading (or draining, or writing) longest gives way; an honest request takes
// milliseconds. Requests that are being handled are never cut off: workers bound their number.
void HttpTransport::MakeRoom() {
  if (connections_.size() < limits_.connections_max) return;
  auto oldest = connections_.end();
  for (auto at = connections_.begin(); at != connections_.end(); ++at) {
    if (at->second.state() == HttpConnection::State::kHandling) continue;
    if (oldest == connections_.end() || at->second.state_since() < oldest->second.state_since()) {
      oldest = at;
    }
  }
  if (oldest == connections_.end()) return;
  oldest->second.Abort();
  connections_.erase(oldest);
}

void HttpTransport::Serve(ConnectionId id, HttpConnection& connection, short events,
                          MonotonicTime now) {
  if (events == 0) return;
  switch (connection.state()) {
    case HttpConnection::State::kReading:
    case HttpConnection::State::kDraining:
      connection.OnReadable(now);
      break;
    case HttpConnection::State::kWriting:
      connection.OnWritable(now);
      break;
    case HttpConnection::State::kHandling:
    case HttpConnection::State::kFinished:
      return;
  }
  TakeRequests(id, connection, now);
}

void HttpTransport::TakeRequests(ConnectionId id, HttpConnection& connection, MonotonicTime now) {
  if (stopping_ && connection.state() == HttpConnection::State::kReading) {
    return connection.Finish();
  }
  if (connection.head_too_large()) {
    return connection.Answer(Refusal("431 Request Header Fields Too Large",
                                     "The request line and headers are too long.\n"),
                             now);
  }
  auto head = connection.TakeHead(now);
  if (!head) return;
  const bool taken = handler_(
      {.head = std::move(*head), .reach = connection.reach(), .answer = [this, id](Reply reply) {
         {
           std::lock_guard lock(mutex_);
           replies_.emplace_back(id, std::move(reply));
         }
         Wake();
       }});
  if (!taken) {
    connection.Answer(Refusal("503 Service Unavailable",
                              "Too many requests wait already; try again in a second.\n"),
                      now);
  }
}

void HttpTransport::DeliverReplies(MonotonicTime now) {
  std::vector<std::pair<ConnectionId, Reply>> replies;
  {
    std::lock_guard lock(mutex_);
    replies.swap(replies_);
  }
  for (auto& [id, reply] : replies) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) continue;
    found->second.Answer(std::move(reply), now);
    TakeRequests(id, found->second, now);  // a request may have come together with the last one
  }
}

}  // namespace kubase::web
