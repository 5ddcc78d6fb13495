// Endpoint: where the data is, as kine's --endpoint says it.
//
// A plain path, "sqlite://PATH" or "sqlite://PATH?PARAMETERS". kine's own parameters for its SQLite
// driver are accepted when they ask for what kubase does anyway, so that its command lines work as
// they are; all others are refused instead of being ignored.
#pragma once

#include <filesystem>
#include <string>

#include "shim/base/result.h"

namespace kubase::launcher {

struct Endpoint {
  std::filesystem::path sqlite_file;
  std::string display;  // without secrets
};

// An empty text or "sqlite://" stands for `default_file`. Errors, one sentence with the fix:
// kUnsupported (an engine that this version does not serve), kInvalidArgument.
Result<Endpoint> ParseEndpoint(const std::string& text, const std::filesystem::path& default_file);

}  // namespace kubase::launcher
