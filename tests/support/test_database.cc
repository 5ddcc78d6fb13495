// On PostgreSQL a schema, which is made much faster than a database.
#include "tests/support/test_database.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <mysql.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <regex>

#include "shim/sql/postgres.h"
#include "shim/sql/sqlite.h"
#include "tests/support/sqlite_script.h"

namespace kubase::testing {
namespace {

std::string Endpoint() {
  const char* const endpoint = std::getenv("KUBASE_TEST_ENDPOINT");
  return endpoint == nullptr ? "" : endpoint;
}

std::string NewName() {
  static int made = 0;
  return fmt::format("test_{}_{}", ::getpid(), ++made);
}

struct Answer {
  int changed = 0;
  std::vector<std::string> lines;
};

Answer AskPostgres(const std::string& connection, const std::string& script) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> session(PQconnectdb(connection.c_str()),
                                                             PQfinish);
  INFO(PQerrorMessage(session.get()));
  REQUIRE(PQstatus(session.get()) == CONNECTION_OK);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(session.get(), script.c_str()),
                                                             PQclear);
  INFO(script << ": " << PQerrorMessage(session.get()));
  const ExecStatusType status = PQresultStatus(result.get());
  REQUIRE((status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK));
  Answer answer{std::atoi(PQcmdTuples(result.get())), {}};
  for (int i = 0; i < PQntuples(result.get()); ++i) {
    answer.lines.emplace_back(PQgetvalue(result.get(), i, 0));
  }
  return answer;
}

// With its own word for bytes, and its own way to write a name that is one of its words.
std::string ForMysql(const std::string& script) {
  static const std::regex bytes(" AS BLOB"), key(R"(\bkey\b)");
  return std::regex_replace(std::regex_replace(script, bytes, " AS BINARY"), key, "`key`");
}

Answer AskMysql(const sql::MysqlOptions& options, const std::string& script) {
  const std::unique_ptr<MYSQL, decltype(&mysql_close)> session(mysql_init(nullptr), mysql_close);
  const char* const database = options.database.empty() ? nullptr : options.database.c_str();
  MYSQL* const connected = mysql_real_connect(
      session.get(), options.hosts[0].name.c_str(), options.user.c_str(), nullptr, database,
      options.hosts[0].port, nullptr, CLIENT_MULTI_STATEMENTS);
  INFO(script << ": " << mysql_error(session.get()));
  REQUIRE(connected != nullptr);
  Answer answer;
  int more = mysql_query(session.get(), ForMysql(script).c_str());
  while (more == 0) {
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(
        mysql_store_result(session.get()), mysql_free_result);
    answer = {static_cast<int>(mysql_affected_rows(session.get())), {}};
    while (const MYSQL_ROW row = result == nullptr ? nullptr : mysql_fetch_row(result.get())) {
      answer.lines.emplace_back(row[0] == nullptr ? "" : row[0]);
    }
    more = mysql_next_result(session.get());
  }
  INFO(mysql_error(session.get()));
  REQUIRE(more < 0);
  return answer;
}

// Whoever leads it so far, and whether it lives: who does can renew its lead between the reading
// and the taking, once in a third of its lease.
void TakeLead(sql::Database& database) {
  const auto connection = database.Connect(sql::Access::kWrite);
  REQUIRE(connection.ok());
  Result<int64_t> taken = Error{ErrorCode::kLeaderChanged, "not tried"};
  for (int tries = 0; tries < 20 && !taken.ok() && taken.error().code == ErrorCode::kLeaderChanged;
       ++tries) {
    const auto seen = database.ReadLeader(**connection);
    REQUIRE(seen.ok());
    taken = database.TakeLead(**connection, *seen, "a test", "");
  }
  INFO((taken.ok() ? "" : taken.error().message));
  REQUIRE(taken.ok());
}

}  // namespace

TestDatabase::Engine TestDatabase::engine() {
  const std::string endpoint = Endpoint();
  if (endpoint.empty()) return Engine::kSqlite;
  return endpoint.starts_with("mysql://") ? Engine::kMysql : Engine::kPostgres;
}

TestDatabase::TestDatabase() : name_(NewName()) {
  if (engine() == Engine::kPostgres) {
    AskPostgres(Endpoint(),
                fmt::format("CREATE SCHEMA {0}; CREATE DOMAIN {0}.blob AS bytea", name_));
  } else if (engine() == Engine::kMysql) {
    sql::MysqlOptions server = Mysql();
    server.database.clear();
    AskMysql(server, "CREATE DATABASE " + name_);
  }
}

TestDatabase::~TestDatabase() {
  if (engine() == Engine::kPostgres) {
    AskPostgres(Endpoint(),
                fmt::format("SET client_min_messages = error; DROP SCHEMA {} CASCADE", name_));
  } else if (engine() == Engine::kMysql) {
    AskMysql(Mysql(), "DROP DATABASE " + name_);
  }
}

std::string TestDatabase::PostgresConnection(const std::string& user) const {
  static const std::regex own("//.*@");
  const std::string endpoint =
      user.empty() ? Endpoint() : std::regex_replace(Endpoint(), own, "//" + user + "@");
  return fmt::format("{}?options=-csearch_path%3D{}", endpoint, name_);
}

sql::MysqlOptions TestDatabase::Mysql() const {
  static const std::regex form(R"(mysql://(.*)@tcp\((.*):(\d+)\)/.*)");
  const std::string endpoint = Endpoint();
  std::smatch parts;
  REQUIRE(std::regex_match(endpoint, parts, form));
  return {.hosts = {{parts[2], static_cast<uint16_t>(std::stoi(parts[3]))}},
          .user = parts[1],
          .database = name_};
}

Result<std::unique_ptr<sql::Database>> TestDatabase::TryOpen(
    sql::StatementObserver* observer) const {
  switch (engine()) {
    case Engine::kPostgres:
      return sql::OpenPostgres({.connection = PostgresConnection(), .observer = observer});
    case Engine::kMysql: {
      sql::MysqlOptions options = Mysql();
      options.observer = observer;
      return sql::OpenMysql(options);
    }
    default:
      return sql::OpenSqlite({.path = directory_.File("a.db"), .observer = observer});
  }
}

Result<std::unique_ptr<sql::Database>> TestDatabase::TryOpenAs(const std::string& user) const {
  REQUIRE(OnServer());
  if (engine() == Engine::kPostgres) {
    return sql::OpenPostgres({.connection = PostgresConnection(user)});
  }
  sql::MysqlOptions options = Mysql();
  options.user = user;
  return sql::OpenMysql(options);
}

std::unique_ptr<sql::Database> TestDatabase::Open(sql::StatementObserver* observer) const {
  auto database = TryOpen(observer);
  if (!database.ok()) FAIL(database.error().message);
  TakeLead(**database);
  return std::move(database).value();
}

int TestDatabase::RunScript(const std::string& script) const {
  switch (engine()) {
    case Engine::kPostgres:
      return AskPostgres(PostgresConnection(), script).changed;
    case Engine::kMysql:
      return AskMysql(Mysql(), script).changed;
    default:
      return RunSqliteScript(directory_.File("a.db"), script);
  }
}

std::vector<std::string> TestDatabase::Ask(const std::string& script) const {
  REQUIRE(engine() != Engine::kSqlite);
  return engine() == Engine::kPostgres ? AskPostgres(PostgresConnection(), script).lines
                                       : AskMysql(Mysql(), script).lines;
}

void TestDatabase::CutConnections() const {
  if (engine() == Engine::kPostgres) {
    Ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND application_name = 'kubase'");
    return;
  }
  for (const std::string& id : Ask("SELECT id FROM information_schema.processlist WHERE db = "
                                   "DATABASE() AND id <> CONNECTION_ID()")) {
    // One may have ended by itself meanwhile (ER_NO_SUCH_THREAD).
    Ask("BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 BEGIN END; KILL " + id + "; END");
  }
}

}  // namespace kubase::testing
