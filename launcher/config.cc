// One small function per kind of value; ValidateUp and ValidateServe only put them together.
#include "launcher/config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "launcher/components.h"
#include "launcher/kubeconfig.h"
#include "shim/wire/listen_address.h"

namespace kubase::launcher {
namespace {

Error Invalid(const std::string& flag, const std::string& text, const std::string& rest) {
  return {ErrorCode::kInvalidArgument, flag + ": \"" + text + "\" " + rest};
}

template <typename Number>
bool ParseNumber(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

Result<int> ParsePort(std::string_view text, const std::string& flag, int lowest) {
  int port = -1;
  if (!ParseNumber(text, port) || port < lowest || port > 65535) {
    return Invalid(flag, std::string(text),
                   "is not a port number; give one from " + std::to_string(lowest) + " to 65535");
  }
  return port;
}

Result<int64_t> ParseQuota(const std::string& text) {
  int64_t bytes = 0;
  if (ParseNumber(text, bytes)) return std::max<int64_t>(bytes, 0);
  return Invalid("--quota-backend-bytes", text,
                 "is not a number of bytes; give one such as 8589934592, or 0 for no quota");
}

bool IsAddress(const std::string& text) {
  unsigned char parsed[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, text.c_str(), parsed) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), parsed) == 1;
}

Result<std::string> ParseAddress(const std::string& text, const std::string& flag) {
  if (text == "localhost") return std::string("127.0.0.1");
  if (IsAddress(text)) return text;
  return Invalid(flag, text, "is not an IP address; give one such as 127.0.0.1 or 0.0.0.0");
}

// kubase has to know where a component listens.
Result<void> CheckIsNotOurs(const std::string& name, const std::string& option) {
  if (name != "secure-port" && name != "bind-address") return Ok();
  const std::string way_out = option == "--kube-apiserver-arg"
                                  ? "use --" + name + " of kubase instead"
                                  : "kubase chooses it; leave it out";
  return Error{ErrorCode::kInvalidArgument,
               option + ": " + name + " cannot be set here; " + way_out};
}

Result<std::vector<ComponentFlag>> ParseComponentFlags(const std::vector<std::string>& texts,
                                                       const std::string& option) {
  std::vector<ComponentFlag> flags;
  for (const std::string& text : texts) {
    KUBASE_ASSIGN_OR_RETURN(flags.emplace_back(), ParseComponentFlag(text, option));
    KUBASE_TRY(CheckIsNotOurs(flags.back().name, option));
  }
  return flags;
}

Result<LogConfig> ParseLog(const LogFlags& flags) {
  if (flags.format == "json") return LogConfig{LogFormat::kJson, flags.verbose};
  if (flags.format == "text" || flags.format == "plain") {
    return LogConfig{LogFormat::kText, flags.verbose};
  }
  return Invalid("--log-format", flags.format, "is not a format; give text or json");
}

std::filesystem::path Absolute(const std::filesystem::path& path) {
  return std::filesystem::absolute(path).lexically_normal();
}

Result<std::optional<ServeConfig::Tls>> ParseTls(const ServeFlags& flags) {
  if (flags.server_cert_file.empty() != flags.server_key_file.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "--server-cert-file and --server-key-file belong together; give both or none"};
  }
  if (!flags.server_cert_file.empty()) {
    return std::optional(
        ServeConfig::Tls{flags.server_cert_file, flags.server_key_file, flags.client_ca_file});
  }
  if (!flags.client_ca_file.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "--client-ca-file needs TLS; give --server-cert-file and --server-key-file too"};
  }
  return std::optional<ServeConfig::Tls>();
}

// "HOST:PORT" or "unix://PATH", as the processes beside this one have to dial it.
Result<std::string> ParseAdvertise(const std::string& text) {
  if (text.empty()) return text;
  const std::string flag = "--advertise-address " + text;
  auto parsed = wire::ParseListenAddress(text);
  if (!parsed.ok()) return WithContext(std::move(parsed).error(), flag);
  const bool dialable = parsed->scheme == wire::ListenAddress::Scheme::kUnix ||
                        (parsed->scheme == wire::ListenAddress::Scheme::kNone &&
                         !parsed->host.empty() && parsed->host != "0.0.0.0" && parsed->port != 0);
  if (dialable) return text;
  return Error{ErrorCode::kInvalidArgument,
               flag + " cannot be dialled; give HOST:PORT as other machines reach this one"};
}

// kine's forms: "HOST:PORT", with "tcp://", "http://" or "https://" before it, or "unix://PATH".
Result<std::string> ParseListen(const std::string& text) {
  static const std::string kFlag = "--listen-address";
  std::string address = text;
  if (text.starts_with("tcp://")) address = text.substr(6);
  if (text.starts_with("unix://") && text.size() > 7) {
    address = "unix://" + Absolute(text.substr(7)).string();
  }
  auto parsed = wire::ParseListenAddress(address);
  if (!parsed.ok()) return WithContext(std::move(parsed).error(), kFlag + " " + text);
  return address;
}

Result<void> CheckDatabaseTls(const ServeFlags& flags) {
  for (const auto& [flag, value] :
       std::array<std::pair<const char*, std::string>, 3>{{{"--ca-file", flags.ca_file},
                                                           {"--cert-file", flags.cert_file},
                                                           {"--key-file", flags.key_file}}}) {
    if (value.empty()) continue;
    return Error{ErrorCode::kInvalidArgument,
                 std::string(flag) +
                     " is for the connection to a database server, and SQLite has none; leave it "
                     "out, or use --server-cert-file for the connections of clients"};
  }
  return Ok();
}

Result<void> ParseStatusAddress(const std::string& text, UpConfig& config) {
  if (text == "0") {
    config.status_off = true;
  } else if (!text.empty()) {
    KUBASE_ASSIGN_OR_RETURN(config.status_address, ParseHostPort(text, "--status-bind-address"));
  }
  return Ok();
}

bool IsHostName(const std::string& text) {
  constexpr size_t kLongest = 253;  // of the domain name system
  return !text.empty() && text.size() <= kLongest && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
         });
}

Result<std::vector<std::string>> ParseAllowedHosts(const std::vector<std::string>& given,
                                                   const HostUser& user) {
  for (const std::string& name : given) {
    if (IsHostName(name)) continue;
    return Invalid(kAllowedHostFlag, name,
                   "is not a host name; give one such as kubase.example.com, without scheme, port "
                   "or wildcard");
  }
  std::vector<std::string> hosts = given;
  hosts.push_back(user.host_name);
  return hosts;
}

Result<std::optional<std::filesystem::path>> ParseKubeconfigChoice(const std::string& text,
                                                                   const HostUser& user) {
  if (text == "none") return std::optional<std::filesystem::path>();
  if (!text.empty()) return std::optional(Absolute(text));
  KUBASE_ASSIGN_OR_RETURN(const std::filesystem::path kubectls, DefaultKubeconfigPath(user));
  return std::optional(Absolute(kubectls));
}

}  // namespace

std::string HostPort::ToString() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<HostPort> ParseHostPort(const std::string& text, const std::string& flag) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return Invalid(flag, text, "lacks a port; write HOST:PORT");
  std::string host = text.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  HostPort parsed{.host = "0.0.0.0"};
  if (!host.empty()) {
    KUBASE_ASSIGN_OR_RETURN(parsed.host, ParseAddress(host, flag));
  }
  KUBASE_ASSIGN_OR_RETURN(parsed.port, ParsePort(text.substr(colon + 1), flag, 0));
  return parsed;
}

Result<std::chrono::milliseconds> ParseDuration(const std::string& text, const std::string& flag) {
  if (text == "0") return std::chrono::milliseconds(0);
  double milliseconds = 0;
  size_t at = 0;
  while (at < text.size()) {
    const size_t unit_start = text.find_first_not_of("0123456789.", at);
    double number = 0;
    if (unit_start == text.npos || !ParseNumber(text.substr(at, unit_start - at), number)) break;
    const size_t unit_end = std::min(text.find_first_of("0123456789.", unit_start), text.size());
    const std::string unit = text.substr(unit_start, unit_end - unit_start);
    if (unit == "ms") {
      milliseconds += number;
    } else if (unit == "s") {
      milliseconds += number * 1'000;
    } else if (unit == "m") {
      milliseconds += number * 60'000;
    } else if (unit == "h") {
      milliseconds += number * 3'600'000;
    } else {
      break;
    }
    at = unit_end;
  }
  constexpr double kLongest = 1e12;  // 31 years
  if (text.empty() || at < text.size() || milliseconds > kLongest) {
    return Invalid(flag, text, "is not a duration; give one such as 500ms, 5s or 1m30s");
  }
  return std::chrono::milliseconds(static_cast<int64_t>(milliseconds));
}

Result<UpConfig> ValidateUp(const UpFlags& flags, const HostUser& user) {
  UpConfig config;
  KUBASE_ASSIGN_OR_RETURN(config.paths, ResolvePaths(flags.data_dir, user));
  KUBASE_ASSIGN_OR_RETURN(config.endpoint,
                          ParseEndpoint(flags.endpoint, config.paths.database_file));
  KUBASE_ASSIGN_OR_RETURN(config.quota_bytes, ParseQuota(flags.quota_backend_bytes));
  KUBASE_ASSIGN_OR_RETURN(config.bind_address, ParseAddress(flags.bind_address, "--bind-address"));
  KUBASE_ASSIGN_OR_RETURN(config.secure_port, ParsePort(flags.secure_port, "--secure-port", 1));
  config.scheduler = flags.scheduler;
  KUBASE_ASSIGN_OR_RETURN(config.apiserver_flags,
                          ParseComponentFlags(flags.apiserver_args, "--kube-apiserver-arg"));
  KUBASE_ASSIGN_OR_RETURN(
      config.controller_manager_flags,
      ParseComponentFlags(flags.controller_manager_args, "--kube-controller-manager-arg"));
  KUBASE_ASSIGN_OR_RETURN(config.scheduler_flags,
                          ParseComponentFlags(flags.scheduler_args, "--kube-scheduler-arg"));
  if (!config.scheduler && !config.scheduler_flags.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "--kube-scheduler-arg has no effect without the scheduler; add --scheduler"};
  }
  KUBASE_ASSIGN_OR_RETURN(config.kubeconfig, ParseKubeconfigChoice(flags.kubeconfig, user));
  config.switch_context = flags.switch_context;
  if (!flags.control_plane_dir.empty())
    config.control_plane_dir = Absolute(flags.control_plane_dir);
  KUBASE_ASSIGN_OR_RETURN(config.skip_caching, ParseSkipCaching(flags.skip_caching));
  config.all_garbage_is_kubernetes =
      WhyStorageCannotCollect(config.apiserver_flags, config.controller_manager_flags);
  if (config.all_garbage_is_kubernetes) config.skip_caching = {SkipCachingChoice::Mode::kNone, {}};
  KUBASE_TRY(ParseStatusAddress(flags.status_bind_address, config));
  KUBASE_ASSIGN_OR_RETURN(config.allowed_hosts, ParseAllowedHosts(flags.allowed_hosts, user));
  config.detach = flags.detach;
  KUBASE_ASSIGN_OR_RETURN(config.log, ParseLog(flags.log));
  return config;
}

Result<ServeConfig> ValidateServe(const ServeFlags& flags, const HostUser& user) {
  ServeConfig config;
  KUBASE_ASSIGN_OR_RETURN(config.endpoint, ParseEndpoint(flags.endpoint, "db/kubase.db"));
  KUBASE_ASSIGN_OR_RETURN(config.listen_address, ParseListen(flags.listen_address));
  KUBASE_ASSIGN_OR_RETURN(config.advertise_address, ParseAdvertise(flags.advertise_address));
  KUBASE_TRY(CheckDatabaseTls(flags));
  if (flags.metrics_bind_address != "0") {
    KUBASE_ASSIGN_OR_RETURN(config.metrics_address,
                            ParseHostPort(flags.metrics_bind_address, "--metrics-bind-address"));
  }
  KUBASE_ASSIGN_OR_RETURN(config.allowed_hosts, ParseAllowedHosts(flags.allowed_hosts, user));
  KUBASE_ASSIGN_OR_RETURN(config.tls, ParseTls(flags));
  KUBASE_ASSIGN_OR_RETURN(
      config.progress_interval,
      ParseDuration(flags.progress_interval, "--watch-progress-notify-interval"));
  KUBASE_ASSIGN_OR_RETURN(config.slow_sql_threshold,
                          ParseDuration(flags.slow_sql_threshold, "--slow-sql-threshold"));
  KUBASE_ASSIGN_OR_RETURN(config.quota_bytes, ParseQuota(flags.quota_backend_bytes));
  config.collects_garbage = !flags.no_garbage_collection;
  config.emulated_etcd_version = flags.emulated_etcd_version;
  KUBASE_ASSIGN_OR_RETURN(config.log, ParseLog(flags.log));
  return config;
}

}  // namespace kubase::launcher
