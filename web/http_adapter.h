// HttpAdapter: lets cpp-httplib read a request and write a reply that never touch a socket.
//
// The library's request parsing, header and status writing are used; its sockets and threads are
// not (see listener.h). Included only by endpoints.cc, since the library's header is large.
#pragma once

#include <httplib.h>

#include <functional>
#include <string>

#include "shim/base/log.h"
#include "web/http_connection.h"
#include "web/listener.h"

namespace kubase::web {

// Any thread, several at once.
class HttpAdapter final : public httplib::Server {
 public:
  // Fills the response; an exception becomes a 500 and a line in the log.
  using Route = std::function<void(const httplib::Request&, httplib::Response&, Reach)>;

  HttpAdapter(Route route, Log& log);

  // `head`: from the request line to the final empty line. Answers whatever it is given.
  Reply Process(const std::string& head, Reach reach);

 private:
  void ReportException(httplib::Response& response, const std::exception_ptr& thrown);

  const Route route_;
  Log& log_;
};

inline constexpr const char* kPlainText = "text/plain; charset=utf-8";

// Sets status, body and content type at once.
void Respond(httplib::Response& response, int status, std::string body,
             const char* type = kPlainText);

}  // namespace kubase::web
