// The event loop and its bookkeeping.
#include "shim/wire/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <future>
#include <mutex>
#include <string_view>
#include <system_error>
#include <utility>

#include "shim/base/executor.h"
#include "shim/wire/http_endpoint.h"

namespace kubase::wire {
namespace {

// What an epoll event is about: the mailbox, a listening socket by its place, or a connection.
constexpr uint64_t kMailboxId = 0;
constexpr uint64_t kFirstListenerId = 1;
constexpr uint64_t kFirstConnectionId = 1 << 16;

constexpr int kAcceptsPerEvent = 64;  // then others get their turn
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::milliseconds kDrainPatience{2'000};

std::string ErrnoText(int error) {
  return std::generic_category().message(error);
}

bool Watch(int epoll, int operation, int fd, uint64_t id, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

// Where other threads leave answers, pings and the wish to stop.
struct Listener::Mailbox {
  explicit Mailbox(OwnedFd fd) : wake(std::move(fd)) {}

  void Post(uint64_t id, std::string response) {
    {
      std::lock_guard lock(mutex);
      answers.emplace_back(id, std::move(response));
    }
    Wake();
  }
  void Wake() {
    const uint64_t one = 1;
    // A full counter wakes as well, so the result does not matter.
    [[maybe_unused]] const ssize_t written = write(wake.get(), &one, sizeof(one));
  }

  const OwnedFd wake;
  std::mutex mutex;
  std::vector<std::pair<uint64_t, std::string>> answers;  // guarded by mutex
  std::vector<std::function<void()>> pings;               // guarded by mutex
  bool stop = false;                                      // guarded by mutex
};

Result<std::unique_ptr<Listener>> Listener::Start(Options options, const Clock& clock, Log& log) {
  OwnedFd epoll(epoll_create1(EPOLL_CLOEXEC));
  OwnedFd wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!epoll.valid() || !wake.valid()) {
    return Error{ErrorCode::kInternal, "cannot make an epoll instance: " + ErrnoText(errno)};
  }
  auto mailbox = std::make_shared<Mailbox>(std::move(wake));
  std::unique_ptr<Listener> listener(
      new Listener(std::move(options), clock, log, std::move(epoll), std::move(mailbox)));
  KUBASE_TRY(listener->WatchListeners());
  listener->thread_ = std::thread([raw = listener.get()] { raw->Run(); });
  return listener;
}

Listener::Listener(Options options, const Clock& clock, Log& log, OwnedFd epoll,
                   std::shared_ptr<Mailbox> mailbox)
    : options_(std::move(options)),
      clock_(clock),
      log_(log),
      epoll_(std::move(epoll)),
      mailbox_(std::move(mailbox)),
      next_id_(kFirstConnectionId) {}

Listener::~Listener() {
  Stop();
}

Result<void> Listener::WatchListeners() {
  bool ok = Watch(epoll_.get(), EPOLL_CTL_ADD, mailbox_->wake.get(), kMailboxId, EPOLLIN);
  uint64_t id = kFirstListenerId;
  for (const Endpoint& endpoint : options_.endpoints) {
    ok = ok && Watch(epoll_.get(), EPOLL_CTL_ADD, endpoint.socket.fd.get(), id++, EPOLLIN);
  }
  if (ok) return Ok();
  return Error{ErrorCode::kInternal, "cannot watch a listening socket: " + ErrnoText(errno)};
}

void Listener::Ping(std::function<void()> done) {
  {
    std::lock_guard lock(mailbox_->mutex);
    mailbox_->pings.push_back(std::move(done));
  }
  mailbox_->Wake();
}

void Listener::Switch(bool holding, const std::function<void()>& change) {
  std::promise<void> done;
  Ping([&] {
    change();
    holding_ = holding;
    if (!holding) LetGo();
    done.set_value();
  });
  done.get_future().wait();
}

void Listener::LetGo() {
  for (auto connection = connections_.begin(); connection != connections_.end();) {
    const auto waiting = connection++;
    if (waiting->second.waits) Leave(waiting);
  }
}

void Listener::Stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mailbox_->mutex);
    mailbox_->stop = true;
  }
  mailbox_->Wake();
  thread_.join();
  connections_.clear();
  options_.endpoints.clear();
}

void Listener::Run() {
  NameThread("kubase-listen");
  std::array<epoll_event, 128> events;
  while (true) {
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), WaitMs());
    KUBASE_CHECK(count >= 0 || errno == EINTR);
    {
      std::lock_guard lock(mailbox_->mutex);
      if (mailbox_->stop) return;
    }
    for (int i = 0; i < count; ++i) OnEvent(events[i].data.u64, events[i].events);
    CloseLate();
    if (!accepting_ && clock_.Now() >= accept_again_) ResumeAccepting();
  }
}

void Listener::OnEvent(uint64_t id, uint32_t events) {
  if (id == kMailboxId) return OnMail();
  if (id >= kFirstConnectionId) return OnConnection(id, events);
  if (accepting_) Accept(options_.endpoints[id - kFirstListenerId]);
}

void Listener::OnMail() {
  uint64_t count = 0;
  while (read(mailbox_->wake.get(), &count, sizeof(count)) > 0) continue;
  std::vector<std::pair<uint64_t, std::string>> answers;
  std::vector<std::function<void()>> pings;
  {
    std::lock_guard lock(mailbox_->mutex);
    answers.swap(mailbox_->answers);
    pings.swap(mailbox_->pings);
  }
  for (const auto& ping : pings) ping();
  for (auto& [id, response] : answers) {
    const auto connection = connections_.find(id);
    if (connection == connections_.end()) continue;  // closed in the meantime
    connection->second.deadline = clock_.Now() + kDrainPatience;
    Proceed(connection, connection->second.Respond(std::move(response)));
  }
}

void Listener::Accept(const Endpoint& endpoint) {
  for (int i = 0; i < kAcceptsPerEvent; ++i) {
    OwnedFd fd(accept4(endpoint.socket.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.valid()) {
      Admit(endpoint, std::move(fd));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return PauseAccepting(errno);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;  // nobody waits
    }
  }
}

void Listener::Admit(const Endpoint& endpoint, OwnedFd fd) {
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // refused by unix sockets
  const int listener_fd = endpoint.socket.fd.get();
  if (connections_.size() >= options_.undecided_max) connections_.erase(connections_.begin());
  const uint64_t id = next_id_++;
  const auto [connection, added] = connections_.try_emplace(
      id, std::move(fd), listener_fd, endpoint.speech, clock_.Now() + options_.patience);
  if (!Watch(epoll_.get(), EPOLL_CTL_ADD, connection->second.fd(), id, EPOLLIN | EPOLLRDHUP)) {
    log_.Warning("A connection was dropped because epoll refused it",
                 {{"error", ErrnoText(errno)}});
    connections_.erase(connection);
  }
}

void Listener::OnConnection(uint64_t id, uint32_t events) {
  const auto connection = connections_.find(id);
  if (connection == connections_.end()) {
    ForgetHandedOver(id);  // or it was closed by an earlier event of this round
    return;
  }
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) {
    return Proceed(connection, connection->second.OnReadable());
  }
  if ((events & EPOLLOUT) != 0) return Proceed(connection, connection->second.OnWritable());
  Proceed(connection, FrontConnection::Next::kClose);  // EPOLLERR or EPOLLHUP alone
}

void Listener::Proceed(Connections::iterator connection, FrontConnection::Next next) {
  const uint64_t id = connection->first;
  FrontConnection& front = connection->second;
  switch (next) {
    case FrontConnection::Next::kWaitReadable:
      Watch(epoll_.get(), EPOLL_CTL_MOD, front.fd(), id, EPOLLIN | EPOLLRDHUP);
      return;
    case FrontConnection::Next::kWaitWritable:
      Watch(epoll_.get(), EPOLL_CTL_MOD, front.fd(), id, EPOLLOUT);
      return;
    case FrontConnection::Next::kWaitAnswer:
      Watch(epoll_.get(), EPOLL_CTL_MOD, front.fd(), id, 0);
      front.deadline = clock_.Now() + options_.patience;
      options_.answer(front.head(), [mailbox = mailbox_, id](std::string response) {
        mailbox->Post(id, std::move(response));
      });
      return;
    case FrontConnection::Next::kHandOver:
      if (!holding_) return Leave(connection);
      front.waits = true;
      Watch(epoll_.get(), EPOLL_CTL_MOD, front.fd(), id, 0);
      return;
    case FrontConnection::Next::kClose:
      connections_.erase(connection);
      return;
  }
}

void Listener::Leave(Connections::iterator connection) {
  FrontConnection& front = connection->second;
  HandedOver leaving{.listener_fd = front.listener_fd(),
                     .fd = front.TakeFd(),
                     .bytes = front.TakeBytes(),
                     .tls = front.speech() == FrontConnection::Speech::kTls,
                     .forwarded_term = front.forwarded_term()};
  connections_.erase(connection);
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, leaving.fd.get(), nullptr);
  HandOver(std::move(leaving));
}

void Listener::HandOver(HandedOver connection) {
  // The end of either side shows on the second descriptor: gRPC shuts a socket down before closing.
  const uint64_t id = next_id_++;
  OwnedFd second(fcntl(connection.fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!second.valid()) return PauseAccepting(errno);
  if (!Watch(epoll_.get(), EPOLL_CTL_ADD, second.get(), id, EPOLLRDHUP)) {
    log_.Warning("A connection was dropped because epoll refused it",
                 {{"error", ErrnoText(errno)}});
    return;
  }
  handed_over_.emplace(id, std::move(second));
  options_.hand_over(std::move(connection));
}

void Listener::CloseHandedOver() {
  if (thread_.joinable()) {
    return Switch(true, [this] { ShutDownHandedOver(); });
  }
  ShutDownHandedOver();
}

// The file stays open by the other descriptor, and epoll goes by files.
void Listener::ForgetHandedOver(uint64_t id) {
  const auto found = handed_over_.find(id);
  if (found == handed_over_.end()) return;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.get(), nullptr);
  handed_over_.erase(found);
}

void Listener::ShutDownHandedOver() {
  while (!handed_over_.empty()) {
    shutdown(handed_over_.begin()->second.get(), SHUT_RDWR);
    ForgetHandedOver(handed_over_.begin()->first);
  }
}

// Out of descriptors or memory: level-triggered readiness would spin, so look away for a moment.
void Listener::PauseAccepting(int error) {
  log_.Warning("Accepting connections pauses; raise the limit of open files if this stays",
               {{"error", ErrnoText(error)}, {"undecided", connections_.size()}});
  accepting_ = false;
  accept_again_ = clock_.Now() + kAcceptPause;
  uint64_t id = kFirstListenerId;
  for (const Endpoint& endpoint : options_.endpoints) {
    Watch(epoll_.get(), EPOLL_CTL_MOD, endpoint.socket.fd.get(), id++, 0);
  }
}

void Listener::ResumeAccepting() {
  accepting_ = true;
  uint64_t id = kFirstListenerId;
  for (const Endpoint& endpoint : options_.endpoints) {
    Watch(epoll_.get(), EPOLL_CTL_MOD, endpoint.socket.fd.get(), id++, EPOLLIN);
  }
}

void Listener::CloseLate() {
  const MonotonicTime now = clock_.Now();
  std::erase_if(connections_, [now](const auto& entry) { return entry.second.deadline <= now; });
}

int Listener::WaitMs() const {
  if (connections_.empty() && accepting_) return -1;
  MonotonicTime next = accepting_ ? MonotonicTime::max() : accept_again_;
  for (const auto& [id, connection] : connections_) next = std::min(next, connection.deadline);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - clock_.Now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, options_.patience.count()));
}

}  // namespace kubase::wire
