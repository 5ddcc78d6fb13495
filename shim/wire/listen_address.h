// Listen addresses as users write them, and the sockets made from them.
#pragma once

#include <string>
#include <string_view>

#include "shim/base/owned_fd.h"
#include "shim/base/result.h"
#include "shim/base/socket_file.h"

namespace kubase::wire {

struct ListenAddress {
  enum class Scheme { kNone, kHttp, kHttps, kUnix };
  Scheme scheme = Scheme::kNone;
  std::string host;  // empty: every address of the machine
  int port = 0;      // 0: any free one
  std::string path;  // kUnix
};

// `host:port`, `[::1]:port`, `:port`, any of these after `http://` or `https://`, and
// `unix:///path`. Errors: kInvalidArgument.
Result<ListenAddress> ParseListenAddress(std::string_view text);

// A socket that listens.
struct ListeningSocket {
  OwnedFd fd;           // non-blocking, close-on-exec
  std::string address;  // as bound: "127.0.0.1:2379", "[::1]:2379" or "unix:///path"
  SocketFile file;      // of a unix socket
};

// Binds and listens; on a unix socket as ListenOnSocketFile does. Errors: kAlreadyExists (in use),
// kPermissionDenied, kInvalidArgument (no such host, path too long), kInternal.
Result<ListeningSocket> Listen(const ListenAddress& address);

}  // namespace kubase::wire
