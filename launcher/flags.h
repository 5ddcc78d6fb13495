// The flags of each verb as they were typed, with their defaults. Text: config.h validates it.
#pragma once

#include <string>
#include <vector>

namespace kubase::launcher {

// Named in refusals of the HTTP endpoints too.
inline constexpr const char* kAllowedHostFlag = "--allowed-host";

struct LogFlags {
  std::string format = "text";
  bool verbose = false;
};

struct UpFlags {
  std::string data_dir;
  std::string endpoint;
  std::string quota_backend_bytes = "0";
  std::string bind_address = "127.0.0.1";
  std::string secure_port = "6443";
  bool scheduler = false;
  std::vector<std::string> apiserver_args;
  std::vector<std::string> controller_manager_args;
  std::vector<std::string> scheduler_args;
  std::string kubeconfig;
  bool switch_context = false;
  std::string control_plane_dir;
  std::string skip_caching = "all";
  std::string status_bind_address;
  std::vector<std::string> allowed_hosts;
  bool detach = false;
  LogFlags log;
};

struct DownFlags {
  std::string data_dir;
  std::string timeout = "60s";
};

struct StatusFlags {
  std::string data_dir;
  std::string output = "table";
};

struct KubectlFlags {
  std::string data_dir;
  std::string control_plane_dir;
  std::vector<std::string> arguments;  // all for kubectl
};

struct KubeconfigFlags {
  std::string data_dir;
  std::string user;
  std::vector<std::string> groups;
  std::string valid_for = "8760h";
  std::string server;
};

struct ServeFlags {
  std::string endpoint;
  std::string listen_address = "127.0.0.1:2379";
  std::string advertise_address;
  std::string metrics_bind_address = "127.0.0.1:8080";
  std::vector<std::string> allowed_hosts;
  std::string ca_file;    // of the database connection
  std::string cert_file;  // of the database connection
  std::string key_file;   // of the database connection
  std::string server_cert_file;
  std::string server_key_file;
  std::string client_ca_file;
  std::string progress_interval = "5s";
  std::string slow_sql_threshold = "1s";
  std::string quota_backend_bytes = "0";
  bool no_garbage_collection = false;
  std::string emulated_etcd_version = "3.7.3";
  LogFlags log;
};

struct ResetFlags {
  std::string data_dir;
  bool yes = false;
};

struct RestoreFlags {
  std::string file;
  std::string data_dir;
  std::string endpoint;
  std::string bump_revision = "0";
};

struct FsckFlags {
  std::string data_dir;
  std::string endpoint;
  bool repair = false;
};

struct GcFlags {
  std::string action;
  std::string object;  // KIND/NAME
  std::string data_dir;
  std::string name_space = "default";
  std::string cascade = "background";
  std::string limit = "1000";
  std::string output = "text";
};

struct VersionFlags {
  std::string output = "text";
};

struct CompletionFlags {
  std::string shell;
};

}  // namespace kubase::launcher
