// Forwarder: carries the connections of clients to the kubase that leads the database, byte by
// byte, TLS as well. Its own is one line in front (ForwardedPreface), so that a connection never
// goes in a circle among processes that take each other for the leader.
//
// One thread. What one end sends is read when the other one has taken what was read before, 64 kB
// at a time; a connection of which nothing is under way has no buffer.
#pragma once

#include <memory>
#include <string>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/result.h"
#include "shim/wire/connection_target.h"

namespace kubase::wire {

// Who leads, as its record says.
struct Leader {
  std::string address;  // `host:port` or `unix:///path`
  int64_t term = 0;

  bool operator==(const Leader&) const = default;
};

class Forwarder final : public ConnectionTarget {
 public:
  // The clock and the log must outlive it. Errors: kInvalidArgument (the address).
  static Result<std::unique_ptr<Forwarder>> Start(const Leader& leader, const Clock& clock,
                                                  Log& log);
  ~Forwarder() override;  // closes all connections

  // Dials for ten seconds; then the client's connection is closed.
  void Take(Listener::HandedOver connection) override;
  // Whether the leader can be reached.
  void CheckHealth(const std::string& query, HealthDone done) override;

 private:
  struct Parts;
  explicit Forwarder(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace kubase::wire
