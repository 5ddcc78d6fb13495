// Configuration: flags as they were typed -> validated plain structs.
//
// A flag wins over its environment variable, which wins over the default (command_line.h). Every
// error is one sentence that names the flag and the fix; nothing on disk is touched here.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "launcher/component_args.h"
#include "launcher/data_dir.h"
#include "launcher/endpoint.h"
#include "launcher/flags.h"
#include "launcher/host.h"
#include "launcher/policy.h"
#include "shim/base/log.h"
#include "shim/base/result.h"

namespace kubase::launcher {

struct HostPort {
  std::string host;              // numeric, without brackets
  int port = 0;                  // 0: any free one
  std::string ToString() const;  // "127.0.0.1:80", "[::1]:80"
};

struct LogConfig {
  LogFormat format = LogFormat::kText;
  bool verbose = false;
};

struct UpConfig {
  DataPaths paths;
  Endpoint endpoint;
  int64_t quota_bytes = 0;  // 0: none
  std::string bind_address;
  int secure_port = 0;
  bool scheduler = false;
  std::vector<ComponentFlag> apiserver_flags;
  std::vector<ComponentFlag> controller_manager_flags;
  std::vector<ComponentFlag> scheduler_flags;
  std::optional<std::filesystem::path> kubeconfig;  // gets our context; absent: none does
  bool switch_context = false;
  std::optional<std::filesystem::path> control_plane_dir;  // absent: the embedded one
  SkipCachingChoice skip_caching;
  // Why the storage must collect no garbage under these flags of the components; absent: it may.
  std::optional<std::string> all_garbage_is_kubernetes;
  std::optional<HostPort> status_address;  // absent: the usual port, or a free one if it is taken
  bool status_off = false;
  std::vector<std::string> allowed_hosts;  // as in ServeConfig
  bool detach = false;
  LogConfig log;
};

struct ServeConfig {
  struct Tls {
    std::filesystem::path certificate;
    std::filesystem::path key;
    std::filesystem::path client_ca;  // empty: clients need no certificate
  };
  Endpoint endpoint;
  std::string listen_address;               // as wire::ServerOptions wants it
  std::string advertise_address;            // where others reach it; empty: to be found out
  std::optional<HostPort> metrics_address;  // absent: off
  std::vector<std::string> allowed_hosts;   // that the HTTP endpoints answer to, of ours and given
  std::optional<Tls> tls;
  std::chrono::milliseconds progress_interval{0};
  std::chrono::milliseconds slow_sql_threshold{0};
  int64_t quota_bytes = 0;  // 0: none
  bool collects_garbage = true;
  std::string emulated_etcd_version;
  LogConfig log;
};

Result<UpConfig> ValidateUp(const UpFlags& flags, const HostUser& user);
Result<ServeConfig> ValidateServe(const ServeFlags& flags, const HostUser& user);

// "1m30s", "100ms", "0" as Go writes durations. `flag` is named in the error.
Result<std::chrono::milliseconds> ParseDuration(const std::string& text, const std::string& flag);

// "HOST:PORT", "[V6]:PORT" or ":PORT" (all interfaces); "localhost" is 127.0.0.1.
Result<HostPort> ParseHostPort(const std::string& text, const std::string& flag);

}  // namespace kubase::launcher
