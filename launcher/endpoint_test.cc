#include "launcher/endpoint.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <string>

#include "launcher/endpoint_uri.h"
#include "launcher/test_directory.h"

namespace kubase::launcher {
namespace {

Endpoint Parsed(const std::string& text) {
  auto endpoint = ParseEndpoint(text, "default.db");
  if (!endpoint.ok()) FAIL(endpoint.error().message);
  return std::move(endpoint).value();
}

std::string Refused(const std::string& text) {
  const auto endpoint = ParseEndpoint(text, "default.db");
  REQUIRE_FALSE(endpoint.ok());
  CHECK(endpoint.error().message.find("secret") == std::string::npos);
  return endpoint.error().message;
}

TEST_CASE("Endpoint: PostgreSQL's goes to libpq, and is shown without its password") {
  const Endpoint endpoint = Parsed("postgres://me:secret@a:5432,b:5433/data?connect_timeout=7");
  REQUIRE(endpoint.postgres);
  CHECK(endpoint.sqlite_file.empty());
  CHECK(endpoint.postgres->connection ==
        "postgresql://me:secret@a:5432,b:5433/data?connect_timeout=7");
  CHECK(endpoint.display == "postgres://me@a:5432,b:5433/data");
  const Endpoint unnamed = Parsed("postgresql://host");
  CHECK(unnamed.postgres->connection == "postgresql://host/kubernetes");
  CHECK(unnamed.display == "postgres://host/kubernetes");
}

TEST_CASE("Endpoint: who names certificates wants the server to be verified") {
  const auto connection = [](const std::string& parameters) {
    return Parsed("postgres://h/d?" + parameters).postgres->connection;
  };
  CHECK(connection("sslrootcert=/ca") == "postgresql://h/d?sslrootcert=%2Fca&sslmode=verify-full");
  CHECK(connection("sslmode=require&sslrootcert=/ca") ==
        "postgresql://h/d?sslmode=require&sslrootcert=%2Fca");
  const Endpoint mysql = Parsed("mysql://u@h/d?ca_file=/ca%20file");
  CHECK(mysql.mysql->tls);
  CHECK(mysql.mysql->verify);
  CHECK(mysql.mysql->ca_file == "/ca file");
}

TEST_CASE("Endpoint: MariaDB's in the forms of kine and of Go's driver") {
  const Endpoint tcp = Parsed("mysql://me:se%40cret@tcp([::1]:3307)/data?tls=skip-verify");
  REQUIRE(tcp.mysql);
  CHECK(tcp.mysql->hosts[0].name == "::1");
  CHECK(tcp.mysql->hosts[0].port == 3307);
  CHECK(tcp.mysql->user == "me");
  CHECK(tcp.mysql->password == "se@cret");
  CHECK(tcp.mysql->database == "data");
  CHECK(tcp.mysql->tls);
  CHECK_FALSE(tcp.mysql->verify);
  CHECK(tcp.display == "mysql://me@tcp([::1]:3307)/data");
  const Endpoint socket = Parsed("mysql://me@unix(/run/m/m.sock)/data");
  CHECK(socket.mysql->unix_socket == "/run/m/m.sock");
  CHECK(socket.mysql->database == "data");
  const Endpoint plain = Parsed("mariadb://me@host/");
  CHECK(plain.mysql->hosts[0].name == "host");
  CHECK(plain.mysql->hosts[0].port == 3306);
  CHECK(plain.mysql->database == "kubernetes");
  const Endpoint cluster = Parsed("mysql://me@tcp(a:1,b)/data");
  REQUIRE(cluster.mysql->hosts.size() == 2);
  CHECK(cluster.mysql->hosts[0].port == 1);
  CHECK(cluster.mysql->hosts[1].name == "b");
}

TEST_CASE("Endpoint: a password from a file") {
  const TestDirectory directory;
  const std::string file = directory / "password";
  std::ofstream(file) << "secret\nmore\n";
  CHECK(Parsed("mysql://me@h/d?password_file=" + file).mysql->password == "secret");
  const Endpoint postgres = Parsed("postgres://me@h/d?password_file=" + file);
  CHECK(postgres.postgres->password == "secret");
  CHECK(postgres.postgres->connection == "postgresql://me@h/d");
  CHECK(Refused("mysql://me@h/d?password_file=/nonexistent") ==
        "--endpoint: password_file /nonexistent has no line that can be read; write the password "
        "into it");
}

TEST_CASE("Endpoint: what is wrong is told without secrets") {
  CHECK(Refused("mysql://me:secret@tcp(h:x)/d") ==
        "--endpoint mysql://…: \"x\" is not a port; write tcp(HOST:PORT)");
  CHECK(Refused("mysql://me:secret@h/d?parseTime=true") ==
        "--endpoint mysql://…: the parameter \"parseTime\" is not supported; leave it out, or use "
        "tls, ca_file, cert_file, key_file, password_file, pool_max_conns, pool_max_idle_conns or "
        "pool_max_conn_lifetime");
  CHECK(Refused("mysql://me:secret@h/d?tls=maybe") ==
        "--endpoint mysql://…: tls=maybe is unknown; use true, skip-verify or false");
}

TEST_CASE("Endpoint: a password for PostgreSQL may be written as it is, or with codes") {
  for (const char* written : {"50%off/a@b", "50%25off%2Fa%40b"}) {
    const Endpoint endpoint = Parsed(std::string("postgres://me:") + written + "@h/d");
    CHECK(endpoint.postgres->connection == "postgresql://me:50%25off%2Fa%40b@h/d");
    CHECK(endpoint.display == "postgres://me@h/d");
  }
}

TEST_CASE("Endpoint: limits of the connections, the same for both engines") {
  const std::string limits = "?pool_max_conns=5&pool_max_idle_conns=0&pool_max_conn_lifetime=1m30s";
  const Endpoint postgres = Parsed("postgres://h/d" + limits);
  CHECK(postgres.postgres->connection == "postgresql://h/d");
  for (const sql::PoolLimits& pool :
       {postgres.postgres->pool, Parsed("mysql://u@h/d" + limits).mysql->pool}) {
    CHECK(pool.open_max == 5);
    CHECK(pool.idle_max == 0);
    CHECK(pool.lifetime == std::chrono::seconds(90));
  }
  CHECK(Parsed("mysql://u@h/d").mysql->pool.idle_max < 0);
  CHECK(Refused("postgres://u:secret@h/d?pool_max_conns=2") ==
        "--endpoint: pool_max_conns=2 is not a number of connections; give one of at least 3");
  CHECK(Refused("mysql://u@h/d?pool_max_conn_lifetime=long").find("pool_max_conn_lifetime") !=
        std::string::npos);
}

}  // namespace
}  // namespace kubase::launcher
