// The parts of an endpoint "SCHEME://[USER[:PASSWORD]@]WHERE[/DATABASE][?NAME=VALUE&…]".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/database.h"

namespace kubase::launcher {

// kine's, where an endpoint names none.
inline constexpr std::string_view kDefaultDatabase = "kubernetes";

struct EndpointUri {
  struct Parameter {
    std::string name;
    std::string value;
  };
  std::string credentials;  // "USER:PASSWORD@", or ""
  std::string user;
  std::string password;
  std::string where;     // hosts with their ports, as they are written
  std::string database;  // "": none is named
  std::vector<Parameter> parameters;

  bool Has(std::string_view name) const;
  // Takes the parameter out of them; null: there is none.
  std::optional<std::string> Take(std::string_view name);
};

// As it is written: nothing is decoded.
EndpointUri SplitUri(const std::string& text);

// The file that a parameter names, decoded and absolute: a detached kubase works in another
// directory.
std::string FileOf(std::string_view value);

// Takes pool_max_conns, pool_max_idle_conns and pool_max_conn_lifetime out of the parameters.
// Errors: kInvalidArgument.
Result<sql::PoolLimits> TakePoolLimits(EndpointUri& uri);

// The first line of a file that an endpoint names by password_file. Errors: kNotFound,
// kInvalidArgument (it is empty).
Result<std::string> ReadPasswordFile(const std::string& path);

}  // namespace kubase::launcher
