// Asio, with callbacks on its thread alone. What is under way owns itself: each handler holds the
// connection, which goes with the last of them.
#include "shim/wire/forwarder.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "shim/base/executor.h"
#include "shim/base/log_pacer.h"
#include "shim/wire/listen_address.h"

namespace kubase::wire {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;
using Endpoint = asio::generic::stream_protocol::endpoint;

constexpr size_t kReadBytes = 64 * 1024;
constexpr std::chrono::seconds kDialPatience{10};
constexpr std::chrono::seconds kConnectPatience{3};  // of it, for one address
constexpr std::chrono::milliseconds kDialPause{200};

// What all connections need; used on the thread.
struct Shared {
  Shared(Leader to, ListenAddress at, const Clock& clock, Log& l)
      : leader(std::move(to)), address(std::move(at)), log(l), failures(clock), resolver(context) {}

  // Where the leader is, as far as that can be found out.
  using Found = std::function<void(const error_code&, std::vector<Endpoint>)>;
  void Find(Found found) {
    if (address.scheme == ListenAddress::Scheme::kUnix) {
      return found({}, {asio::local::stream_protocol::endpoint(address.path)});
    }
    resolver.async_resolve(address.host, std::to_string(address.port),
                           [found = std::move(found)](const error_code& error, const auto& all) {
                             std::vector<Endpoint> endpoints;
                             for (const auto& one : all) endpoints.emplace_back(one.endpoint());
                             found(error, std::move(endpoints));
                           });
  }

  void NoteDial(const error_code& error) {
    if (!error) return failures.Reset();
    if (const auto unlogged = failures.Note(ErrorCode::kUnavailable); unlogged) {
      log.Warning(
          "the kubase that leads the database cannot be reached",
          {{"address", leader.address}, {"cause", error.message()}, {"unlogged", *unlogged}});
    }
  }

  const Leader leader;
  const ListenAddress address;
  std::array<char, kReadBytes> scratch;  // what was just read, of whichever connection
  Log& log;
  LogPacer failures;
  asio::io_context context;
  asio::ip::tcp::resolver resolver;
};

// Connects to the leader; tries the addresses of its name one after the other.
class Dial : public std::enable_shared_from_this<Dial> {
 public:
  using Done = std::function<void(const error_code&, Socket)>;

  Dial(Shared& shared, Done done)
      : shared_(shared), socket_(shared.context), limit_(shared.context), done_(std::move(done)) {}

  void Start() {
    shared_.Find([self = shared_from_this()](const error_code& error, std::vector<Endpoint> all) {
      self->endpoints_ = std::move(all);
      self->TryNext(error);
    });
  }

 private:
  void TryNext(const error_code& last_error) {
    if (next_ >= endpoints_.size()) {
      const error_code error = last_error ? last_error : asio::error::host_not_found;
      shared_.NoteDial(error);
      return done_(error, std::move(socket_));
    }
    const Endpoint endpoint = endpoints_[next_++];
    error_code ignored;  // closing what was not open
    socket_.close(ignored);
    limit_.expires_after(kConnectPatience);
    limit_.async_wait([self = shared_from_this()](const error_code& stopped) {
      error_code closed;  // in any case
      if (!stopped) self->socket_.close(closed);
    });
    socket_.async_connect(endpoint, [self = shared_from_this()](const error_code& error) {
      self->limit_.cancel();
      if (error) return self->TryNext(error);
      self->SendAtOnce();
      self->shared_.NoteDial({});
      self->done_({}, std::move(self->socket_));
    });
  }

  // Refused by unix sockets, which do so anyway.
  void SendAtOnce() {
    const int on = 1;
    ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }

  Shared& shared_;
  Socket socket_;
  asio::steady_timer limit_;
  Done done_;
  std::vector<Endpoint> endpoints_;
  size_t next_ = 0;
};

// A client, the leader, and what is on its way between them.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Shared& shared, OwnedFd client, std::string first_bytes)
      : shared_(shared),
        client_fd_(std::move(client)),
        client_(shared.context),
        leader_(shared.context),
        pause_(shared.context),
        dial_until_(std::chrono::steady_clock::now() + kDialPatience),
        first_bytes_(ForwardedPreface(shared.leader.term) + std::move(first_bytes)) {}

  ~Connection() { ShutDown(); }

  // When it returns without going on, the client's connection ends.
  void Start() {
    int family = 0;
    socklen_t size = sizeof(family);
    if (::getsockopt(client_fd_.get(), SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return;
    error_code error;
    client_.assign(asio::generic::stream_protocol(family, 0), client_fd_.get(), error);
    if (error) return;
    client_fd_.Release();
    DialLeader();
  }

 private:
  void DialLeader() {
    std::make_shared<Dial>(shared_, [self = shared_from_this()](const error_code& error,
                                                                Socket leader) {
      if (!error) return self->Greet(std::move(leader));
      if (std::chrono::steady_clock::now() >= self->dial_until_) return;
      self->pause_.expires_after(kDialPause);
      self->pause_.async_wait([self](const error_code& stopped) {
        if (!stopped) self->DialLeader();
      });
    })->Start();
  }

  struct Direction {
    Socket& from;
    Socket& to;
    std::string unsent;  // read, while the other end does not take it
  };

  void Greet(Socket leader) {
    leader_ = std::move(leader);
    error_code ignored;  // shows when it is read
    client_.non_blocking(true, ignored);
    leader_.non_blocking(true, ignored);
    asio::async_write(leader_, asio::buffer(first_bytes_),
                      [self = shared_from_this()](const error_code& error, size_t) {
                        if (error) return self->Close();
                        self->first_bytes_ = {};
                        self->Carry(self->up_);
                        self->Carry(self->down_);
                      });
  }

  void Carry(Direction& way) {
    way.from.async_wait(Socket::wait_read,
                        [self = shared_from_this(), &way](const error_code& error) {
                          if (error) return self->Close();
                          self->Move(way);
                        });
  }

  // Most of what is read goes on at once, so that a connection that is idle has no buffer.
  void Move(Direction& way) {
    error_code error;
    const size_t bytes = way.from.read_some(asio::buffer(shared_.scratch), error);
    if (IsForLater(error)) return Carry(way);
    if (error == asio::error::eof) {
      ::shutdown(way.to.native_handle(), SHUT_WR);
      return;
    }
    if (error) return Close();
    const size_t sent = way.to.write_some(asio::buffer(shared_.scratch, bytes), error);
    if (error && !IsForLater(error)) return Close();
    if (sent == bytes) return Carry(way);
    way.unsent.assign(shared_.scratch.data() + sent, bytes - sent);
    SendRest(way);
  }

  void SendRest(Direction& way) {
    asio::async_write(way.to, asio::buffer(way.unsent),
                      [self = shared_from_this(), &way](const error_code& failed, size_t) {
                        if (failed) return self->Close();
                        std::string().swap(way.unsent);
                        self->Carry(way);
                      });
  }

  static bool IsForLater(const error_code& error) {
    return error == asio::error::would_block || error == asio::error::interrupted;
  }

  // The other direction ends with an error, then.
  void Close() {
    ShutDown();
    error_code ignored;  // it is closed in any case
    client_.close(ignored);
    leader_.close(ignored);
  }

  void ShutDown() {
    ::shutdown(client_fd_.valid() ? client_fd_.get() : client_.native_handle(), SHUT_RDWR);
  }

  Shared& shared_;
  OwnedFd client_fd_;  // until the next has it
  Socket client_;
  Socket leader_;
  asio::steady_timer pause_;
  const std::chrono::steady_clock::time_point dial_until_;
  std::string first_bytes_;
  Direction up_{client_, leader_, {}};
  Direction down_{leader_, client_, {}};
};

}  // namespace

struct Forwarder::Parts {
  Parts(const Leader& leader, const ListenAddress& address, const Clock& clock, Log& log)
      : shared(leader, address, clock, log), work(shared.context.get_executor()), thread([this] {
          NameThread("forwarder");
          shared.context.run();
        }) {}
  ~Parts() {
    shared.context.stop();
    thread.join();
  }

  Shared shared;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::thread thread;
};

Result<std::unique_ptr<Forwarder>> Forwarder::Start(const Leader& leader, const Clock& clock,
                                                    Log& log) {
  KUBASE_ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(leader.address));
  return std::unique_ptr<Forwarder>(
      new Forwarder(std::make_unique<Parts>(leader, address, clock, log)));
}

Forwarder::Forwarder(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Forwarder::~Forwarder() = default;

void Forwarder::Take(Listener::HandedOver connection) {
  if (connection.forwarded_term) {  // by one who takes this process for the leader
    ::shutdown(connection.fd.get(), SHUT_RDWR);
    return;
  }
  // shared: its handlers own it.
  auto carried = std::make_shared<Connection>(parts_->shared, std::move(connection.fd),
                                              std::move(connection.bytes));
  asio::post(parts_->shared.context, [carried] { carried->Start(); });
}

void Forwarder::CheckHealth(const std::string&, HealthDone done) {
  Shared& shared = parts_->shared;
  asio::post(shared.context, [&shared, done = std::move(done)] {
    std::make_shared<Dial>(shared, [done](const error_code& error, const Socket&) {
      done(error ? "the kubase that leads the database cannot be reached: " + error.message() : "");
    })->Start();
  });
}

}  // namespace kubase::wire
