// Listener: accepts on all addresses, answers plain HTTP itself and hands everything else over: to
// gRPC, or to who forwards it. While there is nobody to take them, connections wait.
//
// It keeps a second descriptor of each connection it hands over, to be able to close it: gRPC can
// only shut down with a moment in which new calls are answered with Cancelled, which ends a
// client's watch for good; a connection that closes is Unavailable, and clients resume.
//
// One thread with epoll. Bounds: connections that have not yet said what they are, and the time
// they have for it; when there are too many, the oldest goes, so that silent ones cannot shut
// others out.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/result.h"
#include "shim/wire/front_connection.h"
#include "shim/wire/listen_address.h"

namespace kubase::wire {

class Listener {
 public:
  struct Endpoint {
    ListeningSocket socket;
    FrontConnection::Speech speech = FrontConnection::Speech::kMixed;
  };
  // Who takes it ends it by shutdown: the listener's second descriptor keeps it open otherwise.
  struct HandedOver {
    int listener_fd = -1;
    OwnedFd fd;
    std::string bytes;  // read from it already
    bool tls = false;
    std::optional<int64_t> forwarded_term;  // as FrontConnection's
  };
  struct Options {
    std::vector<Endpoint> endpoints;
    std::function<void(HandedOver)> hand_over;  // called from the listener's thread, as `answer`
    // Answers one HTTP head, at once or later, from any thread.
    std::function<void(std::string_view head, std::function<void(std::string)> done)> answer;
    std::chrono::milliseconds patience{10'000};  // for the first bytes, and for an answer
    size_t undecided_max = 1024;
  };

  // The clock and the log must outlive the listener. Errors: kInternal.
  static Result<std::unique_ptr<Listener>> Start(Options options, const Clock& clock, Log& log);
  ~Listener();  // as Stop
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Calls `done` from the thread, which shows that it works; never after Stop.
  void Ping(std::function<void()> done);
  // Runs `change` on the thread, between two calls of hand_over and answer; from then on nothing is
  // handed over if `holding`. Returns when that is done. Not after Stop.
  void Switch(bool holding, const std::function<void()>& change);
  // Closes the listening sockets (and removes unix socket files) and the undecided connections, and
  // joins. Idempotent.
  void Stop();
  // Closes what was handed over, once all that was written has left; after Stop or while holding.
  void CloseHandedOver();

 private:
  struct Mailbox;
  using Connections = std::map<uint64_t, FrontConnection>;  // by age

  Listener(Options options, const Clock& clock, Log& log, OwnedFd epoll,
           std::shared_ptr<Mailbox> mailbox);

  Result<void> WatchListeners();
  void Run();
  void OnEvent(uint64_t id, uint32_t events);
  void OnMail();
  void Accept(const Endpoint& endpoint);
  void Admit(const Endpoint& endpoint, OwnedFd fd);
  void OnConnection(uint64_t id, uint32_t events);
  void Proceed(Connections::iterator connection, FrontConnection::Next next);
  void Leave(Connections::iterator connection);
  void LetGo();
  void ForgetHandedOver(uint64_t id);
  void ShutDownHandedOver();
  void HandOver(HandedOver connection);
  void PauseAccepting(int error);
  void ResumeAccepting();
  void CloseLate();
  int WaitMs() const;

  Options options_;
  const Clock& clock_;
  Log& log_;
  const OwnedFd epoll_;
  const std::shared_ptr<Mailbox> mailbox_;  // the other owners: answers that are still to come
  Connections connections_;                 // used by the thread alone, as all below
  std::unordered_map<uint64_t, OwnedFd> handed_over_;  // until either side closes
  uint64_t next_id_;
  bool accepting_ = true;
  bool holding_ = true;
  MonotonicTime accept_again_;  // when not accepting
  std::thread thread_;
};

}  // namespace kubase::wire
