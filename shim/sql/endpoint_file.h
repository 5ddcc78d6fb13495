// EndpointFile: a file that the endpoint of a database server names. Private to the sql room.
#pragma once

#include <string>
#include <vector>

#include "shim/base/result.h"

namespace kubase::sql {

struct EndpointFile {
  const char* parameter;
  std::string path;  // empty: the endpoint names none
};

// Says which of them cannot be read, where the libraries would say no name, or do without. Errors:
// kUnavailable.
Result<void> CheckEndpointFiles(const std::vector<EndpointFile>& files);

}  // namespace kubase::sql
