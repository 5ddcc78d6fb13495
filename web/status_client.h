// StatusClient: asks a status server through its unix socket; for `kubase status`.
#pragma once

#include <chrono>
#include <string>

#include "shim/base/result.h"

namespace kubase::web {

struct StatusReply {
  int http_status = 0;
  std::string body;
};

// One GET of `target` ("/api/status"). kNotFound: there is no socket at the path. kUnavailable:
// nobody listens there any more. kDeadlineExceeded: no whole answer in time. kInvalidArgument: the
// path is too long for a socket.
Result<StatusReply> GetFromSocket(const std::string& socket_path, const std::string& target,
                                  std::chrono::milliseconds timeout);

}  // namespace kubase::web
