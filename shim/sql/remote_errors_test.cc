// What the errors of servers mean to the store: those of PostgreSQL and MariaDB, and of the
// distributed engines that speak their protocols.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string_view>
#include <thread>

#include "shim/sql/mysql_session.h"
#include "shim/sql/postgres_session.h"

namespace kubase::sql {
namespace {

ErrorCode Postgres(const char* sql_state) {
  return ClassifyPostgres(sql_state, "why").code;
}

ErrorCode Mysql(unsigned int number) {
  return ClassifyMysql(number, "why").code;
}

// A pooler that takes one client, whose statements it lets wait until the client leaves.
class HoldingPooler {
 public:
  HoldingPooler() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{.sin_family = AF_INET,
                        .sin_port = 0,
                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                        .sin_zero = {}};
    socklen_t size = sizeof(address);
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(socket_, raw, size) == 0);
    REQUIRE(::listen(socket_, 1) == 0);
    REQUIRE(::getsockname(socket_, raw, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~HoldingPooler() {
    ::shutdown(socket_, SHUT_RDWR);  // who has not come does not come any more
    thread_.join();
    ::close(socket_);
  }
  uint16_t port() const { return port_; }

 private:
  void Serve() const {
    using std::string_view_literals::operator""sv;
    // AuthenticationOk, ParameterStatus, ReadyForQuery.
    constexpr auto kWelcome =
        "R\0\0\0\x08\0\0\0\0S\0\0\0\x18server_version\0"
        "15.1\0Z\0\0\0\x05I"sv;
    const int client = ::accept(socket_, nullptr, nullptr);
    char buffer[4096];
    bool open = ::recv(client, buffer, sizeof(buffer), 0) > 0 &&
                ::send(client, kWelcome.data(), kWelcome.size(), MSG_NOSIGNAL) > 0;
    while (open) open = ::recv(client, buffer, sizeof(buffer), 0) > 0;
    ::close(client);
  }

  const int socket_;
  uint16_t port_ = 0;
  std::thread thread_;
};

TEST_CASE("ClassifyPostgres: conflicts are done again, and unknown outcomes are settled") {
  CHECK(Postgres("40001") == ErrorCode::kConflict);        // serialization_failure
  CHECK(Postgres("40P01") == ErrorCode::kConflict);        // deadlock_detected
  CHECK(Postgres("40003") == ErrorCode::kOutcomeUnknown);  // CockroachDB: "result is ambiguous"
  CHECK(Postgres("08007") == ErrorCode::kOutcomeUnknown);  // transaction_resolution_unknown
  CHECK(Postgres("40000") == ErrorCode::kUnavailable);
  CHECK(Postgres("40002") == ErrorCode::kUnavailable);
}

TEST_CASE("ClassifyPostgres: outages pass, and the rest is told apart") {
  for (const char* passing : {"08006", "53300", "55P03", "57P01", "25P03", "25006"}) {
    CHECK(Postgres(passing) == ErrorCode::kUnavailable);
  }
  CHECK(Postgres(nullptr) == ErrorCode::kUnavailable);  // libpq itself: the connection
  CHECK(Postgres("53100") == ErrorCode::kNoSpace);
  CHECK(Postgres("XX001") == ErrorCode::kCorrupt);
  CHECK(Postgres("XX000") == ErrorCode::kInternal);
  CHECK(Postgres("42501") == ErrorCode::kPermissionDenied);
  CHECK(Postgres("28P01") == ErrorCode::kPermissionDenied);
  CHECK(Postgres("22012") == ErrorCode::kLeaderChanged);
  CHECK(Postgres("42601") == ErrorCode::kInternal);
  CHECK(Postgres("23505") == ErrorCode::kAlreadyExists);
}

TEST_CASE("ClassifyMysql: conflicts are done again, TiDB's as well") {
  CHECK(Mysql(1213) == ErrorCode::kConflict);  // a deadlock, or Galera's certification
  CHECK(Mysql(1020) == ErrorCode::kConflict);  // the record has changed since it was read
  for (const unsigned int conflict : {8002U, 8005U, 8022U, 8028U, 9007U}) {
    CHECK(Mysql(conflict) == ErrorCode::kConflict);
  }
}

TEST_CASE("ClassifyMysql: outages pass, and the rest is told apart") {
  for (const unsigned int passing : {1205U, 1040U, 1053U, 1290U, 1047U, 1927U, 2006U, 2013U, 8027U,
                                     9001U, 9002U, 9003U, 9004U, 9005U}) {
    CHECK(Mysql(passing) == ErrorCode::kUnavailable);
  }
  CHECK(Mysql(1021) == ErrorCode::kNoSpace);
  CHECK(Mysql(8003) == ErrorCode::kCorrupt);
  CHECK(Mysql(1045) == ErrorCode::kPermissionDenied);
  CHECK(Mysql(1048) == ErrorCode::kLeaderChanged);
  CHECK(Mysql(1064) == ErrorCode::kInternal);
  CHECK(Mysql(1062) == ErrorCode::kAlreadyExists);
  CHECK(Mysql(8147) == ErrorCode::kAlreadyExists);
}

TEST_CASE("PostgresSession: what is wrong with an endpoint is told without its password") {
  for (const char* connection :
       {"postgresql://me:secret@[::1/d", "postgresql://me:secret%@h/d",
        "postgresql://me:a/secret@h/d", "postgresql://me:secret@h/d?port=secret"}) {
    const auto session = PostgresSession::Open({.connection = connection}, "");
    REQUIRE_FALSE(session.ok());
    INFO(session.error().message);
    CHECK(session.error().code == ErrorCode::kInvalidArgument);
    CHECK(session.error().message.find("secret") == std::string::npos);
  }
  const auto session = PostgresSession::Open({.connection = "postgresql://h/d?colour=red"}, "");
  CHECK(session.error().message.find("\"colour\"") != std::string::npos);
}

TEST_CASE("PostgresSession: a pooler that lets the first statement wait is given up") {
  const HoldingPooler pooler;
  const auto session = PostgresSession::Open(
      {.connection = fmt::format("postgresql://me@127.0.0.1:{}/d?sslmode=disable&gssencmode=disable"
                                 "&target_session_attrs=any",
                                 pooler.port()),
       .connect_timeout = std::chrono::seconds(1)});
  REQUIRE_FALSE(session.ok());
  INFO(session.error().message);
  CHECK(session.error().code == ErrorCode::kUnavailable);
  CHECK(session.error().message.find("has not answered") != std::string::npos);
}

}  // namespace
}  // namespace kubase::sql
