// Server: the etcd v3 API on sockets, of a store that is here or of another kubase that leads.
//
// It listens from Start to Stop; in between it is told where the connections go. While nobody
// takes them they wait, ten seconds at most.
//
// Plain addresses speak gRPC and the HTTP pages /health and /version on one port; addresses with
// TLS speak gRPC alone.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/result.h"
#include "shim/store/store.h"
#include "shim/wire/forwarder.h"

namespace prometheus {
class Registry;
}

namespace kubase::wire {

struct ServerOptions {
  // `host:port` (TLS when there are TLS files), `http://host:port`, `https://host:port`,
  // `unix:///path` (made with mode 0600). Port 0: any free one. At least one.
  std::vector<std::string> listen_addresses;
  std::string tls_certificate_file;
  std::string tls_key_file;
  std::string tls_client_ca_file;      // not empty: clients must show a certificate signed by it
  std::string etcd_version = "3.7.3";  // shown to clients
};

// All but CheckAlive and CheckHealth from one thread at a time.
class Server {
 public:
  // Listens when it returns. The references must outlive the server.
  // Errors: kInvalidArgument (an option; the message names it), kAlreadyExists (an address in use),
  // kPermissionDenied, kNotFound (a file), kInternal.
  static Result<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                               prometheus::Registry& registry, Log& log,
                                               const Clock& clock);
  ~Server();  // as Stop(0)
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves `store`, which leads its database in `term` (0: nobody else can), until Hold or Stop has
  // returned. While nobody is served. Errors: kUnavailable (the store does not answer), kInternal.
  Result<void> Serve(store::Store& store, int64_t term);
  // Carries the connections to another kubase until it is told otherwise; to the same as before, it
  // changes nothing. While no store is served. Errors: kInvalidArgument (the address).
  Result<void> Forward(const Leader& leader);
  // Lets new connections wait. Of a store: ends watches and other open streams (clients come again,
  // and wait), gives the rest `drain` to finish and cancels what is left. Closes what was
  // forwarded.
  void Hold(std::chrono::milliseconds drain);

  // Accepts nothing more, and ends all as Hold does. Idempotent.
  void Stop(std::chrono::milliseconds drain);

  // Whether the thread that accepts connections works. Not after Stop. Error: kDeadlineExceeded.
  Result<void> CheckAlive(std::chrono::milliseconds timeout) const;

  // Whether clients are served, as /health says: by the store, or through a leader that can be
  // reached. Errors: kUnavailable (with what is wrong), kDeadlineExceeded, also after Stop.
  Result<void> CheckHealth(std::chrono::milliseconds timeout) const;

  // As bound, in the order of the options: `127.0.0.1:2379` or `unix:///path`.
  const std::vector<std::string>& addresses() const;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace kubase::wire
