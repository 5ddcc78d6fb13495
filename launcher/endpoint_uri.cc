// Hosts may be in parentheses, as in "tcp(HOST:PORT)" or "unix(/PATH)".
#include "launcher/endpoint_uri.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "launcher/config.h"
#include "shim/base/percent.h"

namespace kubase::launcher {
namespace {

std::vector<EndpointUri::Parameter> ParametersOf(std::string_view query) {
  std::vector<EndpointUri::Parameter> parameters;
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(one.size() + 1, query.size()));
    const size_t equals = std::min(one.find('='), one.size());
    parameters.push_back({std::string(one.substr(0, equals)),
                          std::string(one.substr(std::min(equals + 1, one.size())))});
  }
  return parameters;
}

// A number of connections, of at least `least`; `otherwise` when the parameter is not there.
Result<int> TakeCount(EndpointUri& uri, const std::string& name, int least, int otherwise) {
  const auto text = uri.Take(name);
  if (!text) return otherwise;
  int count = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
  if (error == std::errc() && end == text->data() + text->size() && count >= least) return count;
  return Error{ErrorCode::kInvalidArgument,
               "--endpoint: " + name + "=" + *text +
                   " is not a number of connections; give one of at least " +
                   std::to_string(least)};
}

}  // namespace

bool EndpointUri::Has(std::string_view name) const {
  return std::any_of(parameters.begin(), parameters.end(),
                     [&](const Parameter& parameter) { return parameter.name == name; });
}

std::optional<std::string> EndpointUri::Take(std::string_view name) {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&](const Parameter& one) { return one.name == name; });
  if (found == parameters.end()) return std::nullopt;
  std::string value = found->value;
  parameters.erase(found);
  return value;
}

EndpointUri SplitUri(const std::string& text) {
  EndpointUri uri;
  std::string_view rest = std::string_view(text).substr(text.find("://") + 3);
  const size_t question = std::min(rest.find('?'), rest.size());
  uri.parameters = ParametersOf(rest.substr(std::min(question + 1, rest.size())));
  rest = rest.substr(0, question);
  if (const size_t at = rest.rfind('@'); at != rest.npos) {
    uri.credentials = rest.substr(0, at + 1);
    const size_t colon = std::min(rest.find(':'), at);
    uri.user = DecodePercent(rest.substr(0, colon));
    if (colon < at) uri.password = DecodePercent(rest.substr(colon + 1, at - colon - 1));
    rest.remove_prefix(at + 1);
  }
  const size_t closing = rest.rfind(')');
  const size_t slash = std::min(rest.find('/', closing == rest.npos ? 0 : closing), rest.size());
  uri.where = rest.substr(0, slash);
  uri.database = rest.substr(std::min(slash + 1, rest.size()));
  return uri;
}

std::string FileOf(std::string_view value) {
  if (value.empty()) return "";
  return std::filesystem::absolute(DecodePercent(value)).lexically_normal();
}

Result<sql::PoolLimits> TakePoolLimits(EndpointUri& uri) {
  sql::PoolLimits limits;
  KUBASE_ASSIGN_OR_RETURN(
      limits.open_max, TakeCount(uri, "pool_max_conns", sql::kOpenConnectionsMin, limits.open_max));
  KUBASE_ASSIGN_OR_RETURN(limits.idle_max,
                          TakeCount(uri, "pool_max_idle_conns", 0, limits.idle_max));
  if (const auto lifetime = uri.Take("pool_max_conn_lifetime")) {
    KUBASE_ASSIGN_OR_RETURN(const auto time,
                            ParseDuration(*lifetime, "--endpoint: pool_max_conn_lifetime"));
    limits.lifetime = std::chrono::ceil<std::chrono::seconds>(time);
  }
  return limits;
}

Result<std::string> ReadPasswordFile(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (std::getline(file, line) && !line.empty()) return line;
  return Error{file.is_open() ? ErrorCode::kInvalidArgument : ErrorCode::kNotFound,
               "--endpoint: password_file " + path +
                   " has no line that can be read; write the password into it"};
}

}  // namespace kubase::launcher
