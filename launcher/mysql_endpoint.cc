// The forms of kine and of Go's driver; every parameter is ours, and an unknown one is refused.
#include "launcher/mysql_endpoint.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "launcher/endpoint_uri.h"

namespace kubase::launcher {
namespace {

Error Refuse(const std::string& what) {
  return {ErrorCode::kInvalidArgument, "--endpoint mysql://…: " + what};
}

// "HOST", "HOST:PORT" and "[ADDRESS]:PORT".
Result<sql::MysqlHost> ReadHost(std::string_view text) {
  sql::MysqlHost read;
  const size_t colon = text.rfind(':');
  const bool has_port = colon != text.npos && text.find(']', colon) == text.npos;
  std::string_view name = text.substr(0, has_port ? colon : text.size());
  if (name.starts_with("[") && name.ends_with("]")) name = name.substr(1, name.size() - 2);
  if (!name.empty()) read.name = name;
  if (!has_port) return read;
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), read.port);
  if (error == std::errc() && end == port.data() + port.size() && read.port > 0) return read;
  return Refuse("\"" + std::string(port) + "\" is not a port; write tcp(HOST:PORT)");
}

// "tcp(HOST:PORT,…)", "unix(/PATH)" and "HOST:PORT,…".
Result<void> ReadWhere(std::string_view where, sql::MysqlOptions& options) {
  if (where.starts_with("unix(") && where.ends_with(")")) {
    options.unix_socket = where.substr(5, where.size() - 6);
    return Ok();
  }
  if (where.starts_with("tcp(") && where.ends_with(")")) where = where.substr(4, where.size() - 5);
  options.hosts.clear();
  for (size_t start = 0; start <= where.size();) {
    const size_t end = std::min(where.find(',', start), where.size());
    KUBASE_ASSIGN_OR_RETURN(sql::MysqlHost host, ReadHost(where.substr(start, end - start)));
    options.hosts.push_back(std::move(host));
    start = end + 1;
  }
  return Ok();
}

Result<void> ReadParameters(EndpointUri& uri, sql::MysqlOptions& options) {
  if (const auto file = uri.Take("password_file")) {
    KUBASE_ASSIGN_OR_RETURN(options.password, ReadPasswordFile(*file));
  }
  KUBASE_ASSIGN_OR_RETURN(options.pool, TakePoolLimits(uri));
  options.ca_file = FileOf(uri.Take("ca_file").value_or(""));
  options.cert_file = FileOf(uri.Take("cert_file").value_or(""));
  options.key_file = FileOf(uri.Take("key_file").value_or(""));
  const bool has_files = !options.ca_file.empty() || !options.cert_file.empty();
  const std::string tls = uri.Take("tls").value_or(has_files ? "true" : "false");
  if (tls != "true" && tls != "false" && tls != "skip-verify") {
    return Refuse("tls=" + tls + " is unknown; use true, skip-verify or false");
  }
  options.tls = tls != "false";
  options.verify = tls == "true";
  if (uri.parameters.empty()) return Ok();
  return Refuse("the parameter \"" + uri.parameters.front().name +
                "\" is not supported; leave it out, or use tls, ca_file, cert_file, key_file, "
                "password_file, pool_max_conns, pool_max_idle_conns or pool_max_conn_lifetime");
}

}  // namespace

Result<Endpoint> ParseMysqlEndpoint(const std::string& text) {
  EndpointUri uri = SplitUri(text);
  sql::MysqlOptions options{.user = uri.user, .password = uri.password};
  options.database = uri.database.empty() ? std::string(kDefaultDatabase) : uri.database;
  KUBASE_TRY(ReadWhere(uri.where, options));
  KUBASE_TRY(ReadParameters(uri, options));
  return Endpoint{.sqlite_file = {},
                  .display = "mysql://" + (uri.user.empty() ? "" : uri.user + "@") + uri.where +
                             "/" + options.database,
                  .mysql = std::move(options)};
}

}  // namespace kubase::launcher
