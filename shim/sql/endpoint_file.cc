// Asked once, at the start: later a file may be away for a moment while it is replaced.
#include "shim/sql/endpoint_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace kubase::sql {

Result<void> CheckEndpointFiles(const std::vector<EndpointFile>& files) {
  for (const EndpointFile& file : files) {
    if (file.path.empty() || ::access(file.path.c_str(), R_OK) == 0) continue;
    return Error{ErrorCode::kUnavailable,
                 fmt::format("{}={} of the endpoint cannot be read: {}", file.parameter, file.path,
                             std::strerror(errno))};
  }
  return Ok();
}

}  // namespace kubase::sql
