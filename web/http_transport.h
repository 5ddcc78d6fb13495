// HttpTransport: brings whole request heads to a handler and its replies back, over many sockets.
//
// One thread polls all sockets and never waits for a client; handlers run elsewhere and never touch
// a socket. So however many clients are slow, a request that arrives complete is answered. Bounded:
// connections, bytes of a head, and every wait. Request bodies are not read: a connection whose
// request announces one is closed after the reply (the handler says so).
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/result.h"
#include "web/http_connection.h"
#include "web/listener.h"

namespace kubase::web {

class HttpTransport {
 public:
  struct Request {
    std::string head;  // up to and with the empty line
    Reach reach = Reach::kNetwork;
    // To be called once, from any thread, while the transport exists; ignored after Stop.
    std::function<void(Reply)> answer;
  };
  // False: overloaded; the transport answers 503. Runs on the transport's thread: must not block.
  using Handler = std::function<bool(Request)>;

  // kUnavailable: the process has no descriptors left. `clock` must outlive the transport.
  static Result<std::unique_ptr<HttpTransport>> Start(std::vector<Listener> listeners,
                                                      const TransportLimits& limits,
                                                      Handler handler, const Clock& clock);
  ~HttpTransport();

  // Accepts nothing more, gives replies that are under way a second, closes all. Idempotent.
  void Stop();

 private:
  using ConnectionId = uint64_t;
  using Connections = std::map<ConnectionId, HttpConnection>;

  HttpTransport(std::vector<Listener> listeners, const TransportLimits& limits, Handler handler,
                const Clock& clock, OwnedFd wake);

  void Run();
  bool RunOnce();
  int PollTimeoutMs(MonotonicTime now) const;
  void AcceptFrom(const Listener& listener, MonotonicTime now);
  void MakeRoom();
  void Serve(ConnectionId id, HttpConnection& connection, short events, MonotonicTime now);
  void TakeRequests(ConnectionId id, HttpConnection& connection, MonotonicTime now);
  void DeliverReplies(MonotonicTime now);
  void Expire(MonotonicTime now);
  void Wake() const;

  const TransportLimits limits_;
  const Handler handler_;
  const Clock& clock_;
  const OwnedFd wake_;  // eventfd: replies wait, or stop

  // The transport's thread only.
  std::vector<Listener> listeners_;
  Connections connections_;
  ConnectionId next_id_ = 1;
  MonotonicTime stop_until_;
  MonotonicTime accept_after_;  // while the process is out of descriptors

  std::mutex mutex_;
  std::vector<std::pair<ConnectionId, Reply>> replies_;  // guarded by mutex_
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace kubase::web
