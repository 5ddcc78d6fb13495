// TCP ports: is one free, and a free one kept for a child.
//
// A port that was merely found free can be taken by somebody else before the child listens. A
// ReservedPort stays bound (but does not listen) with SO_REUSEPORT, so that nobody is given it,
// while a child that listens with SO_REUSEPORT (--permit-port-sharing) gets all its connections.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "shim/base/owned_fd.h"
#include "shim/base/result.h"

namespace kubase::launcher {

// Whether a server can listen on `address` (numeric) and `port` now. `flag` is named in the errors
// as the way out: kAlreadyExists (in use), kPermissionDenied, kInvalidArgument (not an address, or
// not one of this machine).
Result<void> CheckPortIsFree(const std::string& address, int port, const std::string& flag);

// As CheckPortIsFree, but a port in use is asked for again until `patience` is over: after a kill
// -9 of kubase its children end by themselves a moment later, and until then they hold their port.
// Error besides those above: kCancelled.
Result<void> WaitUntilPortIsFree(const std::string& address, int port, const std::string& flag,
                                 std::chrono::milliseconds patience, std::stop_token stop);

class ReservedPort {
 public:
  // A free port of 127.0.0.1. Error: kUnavailable when there is none.
  static Result<ReservedPort> OnLoopback();

  int port() const { return port_; }

 private:
  ReservedPort(OwnedFd socket, int port) : socket_(std::move(socket)), port_(port) {}

  OwnedFd socket_;
  int port_;
};

}  // namespace kubase::launcher
