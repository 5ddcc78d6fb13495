// One request over a unix socket, by cpp-httplib's client.
#include "web/status_client.h"

#include <httplib.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace kubase::web {

Result<StatusReply> GetFromSocket(const std::string& socket_path, const std::string& target,
                                  std::chrono::milliseconds timeout) {
  if (socket_path.empty() || socket_path.size() >= sizeof sockaddr_un{}.sun_path) {
    return Error{ErrorCode::kInvalidArgument,
                 "\"" + socket_path + "\" cannot be a socket: its path is too long or empty"};
  }
  struct stat info {};
  if (stat(socket_path.c_str(), &info) != 0) {
    return Error{ErrorCode::kNotFound, "there is no socket at " + socket_path};
  }
  httplib::Client client(socket_path);
  client.set_address_family(AF_UNIX);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  client.set_write_timeout(timeout);
  const httplib::Result result = client.Get(target, {{"Host", "localhost"}});
  if (result) return StatusReply{result->status, result->body};
  if (result.error() == httplib::Error::Read || result.error() == httplib::Error::Write ||
      result.error() == httplib::Error::ConnectionTimeout) {
    return Error{ErrorCode::kDeadlineExceeded,
                 "no answer in time from " + socket_path + ": " + to_string(result.error())};
  }
  return Error{ErrorCode::kUnavailable,
               "nobody answers at " + socket_path + ": " + to_string(result.error())};
}

}  // namespace kubase::web
