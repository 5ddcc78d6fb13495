// Flags as typed -> plain values, and the sentences for what cannot be meant.
#include "launcher/config.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "launcher/endpoint_uri.h"
#include "shim/base/percent.h"

namespace kubase::launcher {
namespace {

using std::chrono::milliseconds;

HostUser User() {
  return {.uid = 1000, .gid = 1000, .home = "/home/someone", .host_name = "box"};
}

UpConfig Up(const UpFlags& flags) {
  auto config = ValidateUp(flags, User());
  INFO((config.ok() ? "" : config.error().message));
  REQUIRE(config.ok());
  return std::move(config).value();
}

std::string UpError(const UpFlags& flags) {
  const auto config = ValidateUp(flags, User());
  REQUIRE_FALSE(config.ok());
  return config.error().message;
}

std::string ServeError(const ServeFlags& flags) {
  const auto config = ValidateServe(flags, User());
  REQUIRE_FALSE(config.ok());
  return config.error().message;
}

TEST_CASE("Config: up without flags") {
  const UpConfig config = Up({});
  CHECK(config.paths.root == "/home/someone/.local/share/kubase");
  CHECK(config.endpoint.sqlite_file == config.paths.database_file);
  CHECK(config.bind_address == "127.0.0.1");
  CHECK(config.secure_port == 6443);
  CHECK(config.skip_caching.mode == SkipCachingChoice::Mode::kAll);
  CHECK(config.kubeconfig == "/home/someone/.kube/config");
  CHECK_FALSE(config.status_address.has_value());
  CHECK_FALSE(config.status_off);
}

TEST_CASE("Config: up with flags") {
  const UpConfig config = Up({.data_dir = "/d",
                              .endpoint = "sqlite:///x/y.db?_journal=WAL&cache=shared",
                              .bind_address = "localhost",
                              .secure_port = "7443",
                              .scheduler = true,
                              .apiserver_args = {"v=2", "--profiling=true"},
                              .scheduler_args = {"v=3"},
                              .kubeconfig = "none",
                              .skip_caching = "none",
                              .status_bind_address = "[::1]:9000"});
  CHECK(config.paths.root == "/d");
  CHECK(config.endpoint.sqlite_file == "/x/y.db");
  CHECK(config.endpoint.display == "sqlite:///x/y.db");
  CHECK(config.bind_address == "127.0.0.1");
  CHECK(config.secure_port == 7443);
  CHECK(config.apiserver_flags == std::vector<ComponentFlag>{{"v", "2"}, {"profiling", "true"}});
  CHECK(config.scheduler_flags == std::vector<ComponentFlag>{{"v", "3"}});
  CHECK_FALSE(config.kubeconfig.has_value());
  CHECK(config.status_address->ToString() == "[::1]:9000");
  CHECK(Up({.status_bind_address = "0"}).status_off);
}

TEST_CASE("Config: no label where the storage cannot collect garbage") {
  const UpConfig usual = Up({});
  CHECK_FALSE(usual.all_garbage_is_kubernetes.has_value());
  const UpConfig encrypted = Up({.apiserver_args = {"encryption-provider-config=/e"}});
  REQUIRE(encrypted.all_garbage_is_kubernetes.has_value());
  CHECK(encrypted.all_garbage_is_kubernetes->find("--encryption-provider-config") !=
        std::string::npos);
  CHECK(encrypted.skip_caching.mode == SkipCachingChoice::Mode::kNone);
}

// With --detach the process that uses them works in another directory.
TEST_CASE("Config: paths do not depend on the working directory later on") {
  const std::string here = std::filesystem::current_path().string();
  HostUser user = User();
  user.variables["KUBECONFIG"] = ":./of/kubectl:/other";
  CHECK(ValidateUp({}, user)->kubeconfig == here + "/of/kubectl");
  CHECK(Up({.kubeconfig = "given"}).kubeconfig == here + "/given");
  const Endpoint mysql = Up({.endpoint = "mysql://h/d?ca_file=a%20b&cert_file=/c"}).endpoint;
  CHECK(mysql.mysql->ca_file == here + "/a b");
  CHECK(mysql.mysql->cert_file == "/c");
  CHECK(mysql.mysql->key_file.empty());
  const Endpoint postgres = Up({.endpoint = "postgres://h/d?sslrootcert=a%20b"}).endpoint;
  CHECK(postgres.postgres->connection.find(EncodePercent(here + "/a b")) != std::string::npos);
}

TEST_CASE("Config: without a home directory the kubeconfig has to be named") {
  HostUser user = User();
  user.home.clear();
  const auto config = ValidateUp({.data_dir = "/d"}, user);
  REQUIRE_FALSE(config.ok());
  CHECK(config.error().message.find("--kubeconfig") != std::string::npos);
  CHECK(ValidateUp({.data_dir = "/d", .kubeconfig = "none"}, user).ok());
}

TEST_CASE("Config: each mistake of up is a sentence that names the flag") {
  CHECK(UpError({.endpoint = "redis://x"}) ==
        "--endpoint: the scheme redis:// is unknown; use sqlite://PATH, postgres://…, "
        "mysql://… or a plain path");
  CHECK(UpError({.endpoint = "nats://user:secret@host/db"}) ==
        "--endpoint: nats:// is not in this version of kubase; use sqlite://PATH, postgres://…, "
        "mysql://… or a plain path");
  CHECK(UpError({.endpoint = "sqlite:///x?_synchronous=OFF"}) ==
        "--endpoint sqlite:///x?_synchronous=OFF: the parameter \"_synchronous=OFF\" is not "
        "supported; leave it out, kubase always uses WAL with full synchronisation");
  CHECK(UpError({.endpoint = "/x/"}) ==
        "--endpoint /x/ names a directory; give the path of a database file");
  CHECK(UpError({.bind_address = "example.com"}) ==
        "--bind-address: \"example.com\" is not an IP address; give one such as 127.0.0.1 or "
        "0.0.0.0");
  for (const std::string port : {"0", "65536", "x", "", "64 43"}) {
    CHECK(UpError({.secure_port = port}) ==
          "--secure-port: \"" + port + "\" is not a port number; give one from 1 to 65535");
  }
  CHECK(UpError({.apiserver_args = {"secure-port=1"}}) ==
        "--kube-apiserver-arg: secure-port cannot be set here; use --secure-port of kubase "
        "instead");
  CHECK(UpError({.controller_manager_args = {"bind-address=::"}}) ==
        "--kube-controller-manager-arg: bind-address cannot be set here; kubase chooses it; leave "
        "it out");
  CHECK(UpError({.scheduler_args = {"v=2"}}) ==
        "--kube-scheduler-arg has no effect without the scheduler; add --scheduler");
  CHECK(UpError({.skip_caching = "pods"}).starts_with("--skip-metadata-caching: "));
  CHECK(UpError({.status_bind_address = "6480"}) ==
        "--status-bind-address: \"6480\" lacks a port; write HOST:PORT");
  CHECK(UpError({.log = {.format = "xml"}}) ==
        "--log-format: \"xml\" is not a format; give text or json");
}

TEST_CASE("Config: serve understands kine's command lines") {
  const auto defaults = ValidateServe({}, User());
  REQUIRE(defaults.ok());
  CHECK(defaults->listen_address == "127.0.0.1:2379");
  CHECK(defaults->metrics_address->ToString() == "127.0.0.1:8080");
  CHECK(defaults->progress_interval == milliseconds(5'000));
  CHECK(defaults->slow_sql_threshold == milliseconds(1'000));
  CHECK(defaults->quota_bytes == 0);
  CHECK(defaults->endpoint.sqlite_file.filename() == "kubase.db");
  const auto given = ValidateServe({.listen_address = "tcp://0.0.0.0:2379",
                                    .metrics_bind_address = "0",
                                    .server_cert_file = "c",
                                    .server_key_file = "k",
                                    .log = {.format = "plain"}},
                                   User());
  REQUIRE(given.ok());
  CHECK(given->listen_address == "0.0.0.0:2379");
  CHECK_FALSE(given->metrics_address.has_value());
  CHECK(given->tls->certificate == "c");
  CHECK(given->log.format == LogFormat::kText);
  CHECK(ValidateServe({.listen_address = "unix:///run/x.sock"}, User())->listen_address ==
        "unix:///run/x.sock");
  CHECK(ValidateServe({.metrics_bind_address = ":8080"}, User())->metrics_address->ToString() ==
        "0.0.0.0:8080");
}

TEST_CASE("Config: the quota is etcd's, where what is negative is none") {
  CHECK(ValidateServe({.quota_backend_bytes = "8589934592"}, User())->quota_bytes == 8589934592);
  CHECK(ValidateServe({.quota_backend_bytes = "-1"}, User())->quota_bytes == 0);
  CHECK(ValidateUp({.quota_backend_bytes = "8589934592"}, User())->quota_bytes == 8589934592);
  for (const char* bad : {"", "8GB", "1.5", "99999999999999999999"}) {
    CHECK(ServeError({.quota_backend_bytes = bad}) ==
          "--quota-backend-bytes: \"" + std::string(bad) +
              "\" is not a number of bytes; give one such as 8589934592, or 0 for no quota");
  }
}

TEST_CASE("Config: each mistake of serve is a sentence that names the flag") {
  CHECK(ServeError({.listen_address = "nonsense"}).starts_with("--listen-address nonsense: "));
  for (const char* address : {"nonsense", ":2379", "0.0.0.0:2379", "a:0", "http://a:1"}) {
    CHECK(ServeError({.advertise_address = address})
              .starts_with(std::string("--advertise-address ") + address));
  }
  CHECK(ValidateServe({.advertise_address = "a.example:2379"}, User())->advertise_address ==
        "a.example:2379");
  CHECK(ServeError({.server_key_file = "k"}) ==
        "--server-cert-file and --server-key-file belong together; give both or none");
  CHECK(ServeError({.client_ca_file = "ca"}) ==
        "--client-ca-file needs TLS; give --server-cert-file and --server-key-file too");
  CHECK(ServeError({.ca_file = "ca"}).starts_with("--ca-file is for the connection to a database"));
  CHECK(ServeError({.slow_sql_threshold = "fast"}) ==
        "--slow-sql-threshold: \"fast\" is not a duration; give one such as 500ms, 5s or 1m30s");
}

TEST_CASE("Config: the names that the HTTP endpoints answer to") {
  using Names = std::vector<std::string>;
  CHECK(Up({}).allowed_hosts == Names{"box"});
  CHECK(Up({.allowed_hosts = {"kubase.example.com", "a_b-1."}}).allowed_hosts ==
        Names{"kubase.example.com", "a_b-1.", "box"});
  CHECK(ValidateServe({.allowed_hosts = {"kubase"}}, User())->allowed_hosts ==
        Names{"kubase", "box"});
  CHECK(ServeError({.allowed_hosts = {"http://kubase"}}) ==
        "--allowed-host: \"http://kubase\" is not a host name; give one such as "
        "kubase.example.com, without scheme, port or wildcard");
  for (const std::string bad : {"", "kubase:80", "*", "*.example.com", ".example.com", "a,b"}) {
    INFO(bad);
    CHECK(UpError({.allowed_hosts = {bad}}).starts_with("--allowed-host: "));
  }
}

TEST_CASE("ParseDuration: as Go writes durations") {
  const auto parse = [](const std::string& text) { return ParseDuration(text, "--x"); };
  CHECK(parse("0").value() == milliseconds(0));
  CHECK(parse("500ms").value() == milliseconds(500));
  CHECK(parse("1.5s").value() == milliseconds(1'500));
  CHECK(parse("1m30s").value() == milliseconds(90'000));
  CHECK(parse("2h").value() == milliseconds(7'200'000));
  for (const std::string bad : {"", "5", "s", "5x", "-1s", "1s2", "1e400s", "99999999999h"}) {
    INFO(bad);
    CHECK_FALSE(parse(bad).ok());
  }
}

TEST_CASE("ParseHostPort: with and without host") {
  CHECK(ParseHostPort(":0", "--x")->ToString() == "0.0.0.0:0");
  CHECK(ParseHostPort("localhost:1", "--x")->ToString() == "127.0.0.1:1");
  CHECK(ParseHostPort("[::]:1", "--x")->ToString() == "[::]:1");
  CHECK_FALSE(ParseHostPort("host:1", "--x").ok());
  CHECK_FALSE(ParseHostPort("127.0.0.1", "--x").ok());
  CHECK_FALSE(ParseHostPort("127.0.0.1:70000", "--x").ok());
}

}  // namespace
}  // namespace kubase::launcher
