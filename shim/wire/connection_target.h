// ConnectionTarget: where the connections of clients go while a server has one: to the services of
// a store, or to another kubase, which leads.
#pragma once

#include <string>

#include "shim/wire/http_endpoint.h"
#include "shim/wire/listener.h"

namespace kubase::wire {

class ConnectionTarget {
 public:
  virtual ~ConnectionTarget() = default;
  // Both from the listener's thread; they do not block.
  virtual void Take(Listener::HandedOver connection) = 0;
  virtual void CheckHealth(const std::string& query, HealthDone done) = 0;
};

}  // namespace kubase::wire
