// libpq's pipeline: everything is sent before a result is read, without blocking on either.
#include "shim/sql/postgres_session.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace kubase::sql {
namespace {

constexpr int kBinary = 1;

// The server's message in one line, with its hints.
std::string Sentence(const char* message) {
  std::string sentence(message == nullptr ? "" : message);
  while (!sentence.empty() && sentence.back() == '\n') sentence.pop_back();
  for (char& c : sentence) {
    if (c == '\n') c = ' ';
  }
  return sentence;
}

// What the server has told about itself; "": nothing.
std::string Parameter(const PGconn* connection, const char* name) {
  const char* const value = PQparameterStatus(connection, name);
  return value == nullptr ? "" : value;
}

// libpq says of a text that it does not understand which part of it that is, which may be a piece
// of a password; of an unknown parameter it says the name alone.
Result<void> CheckConnectionString(const std::string& text) {
  char* raw = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
      PQconninfoParse(text.c_str(), &raw), &PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> said(raw, &PQfreemem);
  std::string cause = "its parts cannot be told apart";
  if (parsed != nullptr) {
    const PQconninfoOption* option = parsed.get();
    while (option->keyword != nullptr && std::string_view(option->keyword) != "port") ++option;
    const std::string_view ports = option->val == nullptr ? "" : option->val;
    if (ports.find_first_not_of("0123456789,") == std::string_view::npos) return Ok();
    cause = "its port is not a number";
  } else if (raw != nullptr && std::string_view(raw).starts_with("invalid URI query parameter: ")) {
    cause = Sentence(raw);
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("the endpoint of PostgreSQL is not understood: {}; write "
                           "postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETER=VALUE with "
                           "\":/?#[]@%\" in a name or a password as %XX (RFC 3986)",
                           cause)};
}

// "system" is what the operating system trusts, and a key with a colon one of an engine of OpenSSL.
bool IsFile(std::string_view value) {
  return !value.empty() && value != "system" && value.find(':') == value.npos;
}

// What OpenSSL says does not tell who refused whom: an alert is the server's.
const char* ExplainTls(std::string_view said) {
  if (said.find("SSL error") == said.npos) return "";
  if (said.find("alert") != said.npos) {
    return "; the server refuses the certificate of the endpoint (sslcert)";
  }
  if (said.find("certificate verify failed") != said.npos) {
    return "; the server's certificate is not of the CA of the endpoint (sslrootcert)";
  }
  return "";
}

class ResultRow final : public Row {
 public:
  ResultRow(const PGresult* result, int row) : result_(result), row_(row) {}
  bool IsNull(int column) const override { return PQgetisnull(result_, row_, column) != 0; }
  int64_t Int(int column) const override { return ParsePostgresInt(Bytes(column)); }
  std::string_view Bytes(int column) const override {
    return {PQgetvalue(result_, row_, column),
            static_cast<size_t>(PQgetlength(result_, row_, column))};
  }

 private:
  const PGresult* const result_;
  const int row_;
};

}  // namespace

Error ClassifyPostgres(const char* sql_state, const std::string& message) {
  const std::string_view state = sql_state == nullptr ? "" : sql_state;
  const auto error = [&](ErrorCode code, const char* fix) {
    return Error{code, fmt::format("PostgreSQL: {}{}{}", message,
                                   state.empty() ? "" : fmt::format(" (SQLSTATE {})", state), fix)};
  };
  // The guard divides by zero, and kWriteMeta stores no revision.
  if (state == "22012" || state == "23502") return kLedByAnother;
  const std::string_view kind = state.substr(0, 2);
  if (state == "53100") return error(ErrorCode::kNoSpace, "; free space on the server's disk");
  if (kind == "XX" && state != "XX000") {
    return error(ErrorCode::kCorrupt, "; the database is damaged: restore a backup");
  }
  if (state == "42501") {
    return error(ErrorCode::kPermissionDenied, "; grant it to the user of the endpoint");
  }
  if (kind == "28") {
    return error(ErrorCode::kPermissionDenied, "; see the user and the password of the endpoint");
  }
  if (state == "23505") return error(ErrorCode::kAlreadyExists, "");
  if (state == "3D000") return error(ErrorCode::kNotFound, "");
  // Serialization failures and deadlocks.
  if (state == "40001" || state == "40P01") return error(ErrorCode::kConflict, "");
  // "Statement completion unknown", "transaction resolution unknown".
  if (state == "40003" || state == "08007") return error(ErrorCode::kOutcomeUnknown, "");
  // Connections (08), what a transaction was undone for (40), resources (53), locks (55), the
  // operator and timeouts (57), a transaction that waited too long (25P03); and what libpq says
  // itself has no state.
  for (const std::string_view passing : {"", "08", "40", "53", "55", "57"}) {
    if (kind == passing) return error(ErrorCode::kUnavailable, "");
  }
  if (state == "25P03" || state == "25006") return error(ErrorCode::kUnavailable, "");
  return error(ErrorCode::kInternal, "");
}

PostgresNames NamesIn(const std::string& connection) {
  PostgresNames names;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(connection.c_str(), nullptr), PQconninfoFree);
  for (const PQconninfoOption* option = options.get();
       option != nullptr && option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    if (std::strcmp(option->keyword, "dbname") == 0) names.database = option->val;
    if (std::strcmp(option->keyword, "user") == 0) names.user = option->val;
    for (const char* file : {"sslrootcert", "sslcert", "sslkey"}) {
      if (std::strcmp(option->keyword, file) != 0 || !IsFile(option->val)) continue;
      names.files.push_back({file, option->val});
    }
  }
  return names;
}

void PostgresSession::Close::operator()(PGconn* connection) const {
  PQfinish(connection);
}

void PostgresSession::Clear::operator()(PGresult* result) const {
  PQclear(result);
}

PostgresSession::PostgresSession(PGconn* connection) : connection_(connection) {}

PostgresSession::~PostgresSession() = default;

Result<std::unique_ptr<PostgresSession>> PostgresSession::Open(const PostgresOptions& options,
                                                               const std::string& database) {
  const std::string seconds = std::to_string(options.connect_timeout.count());
  // Of two values the later one counts, but for empty ones: ours, what the endpoint says instead,
  // and what it does not say.
  const std::pair<const char*, const char*> parameters[] = {
      {"connect_timeout", seconds.c_str()},
      {"keepalives_idle", "3"},
      {"keepalives_interval", "1"},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", "3000"},
      {"fallback_application_name", "kubase"},
      {"target_session_attrs", "read-write"},
      {"dbname", options.connection.c_str()},
      {"password", options.password.empty() ? nullptr : options.password.c_str()},
      {"dbname", database.empty() ? nullptr : database.c_str()},
      {nullptr, nullptr}};
  KUBASE_TRY(CheckConnectionString(options.connection));
  std::vector<const char*> names, values;
  for (const auto& [name, value] : parameters) {
    names.push_back(name);
    values.push_back(value);
  }
  constexpr int kExpandFirst = 1;
  std::unique_ptr<PostgresSession> session(
      new PostgresSession(PQconnectdbParams(names.data(), values.data(), kExpandFirst)));
  PGconn* const raw = session->connection_.get();
  if (PQstatus(raw) != CONNECTION_OK) {
    const std::string said = Sentence(PQerrorMessage(raw));
    return ClassifyPostgres(nullptr, said + ExplainTls(said));
  }
  PQsetNoticeProcessor(
      raw, [](void*, const char*) {}, nullptr);  // errors say the same
  session->engine_ = EngineOf({.number = PQserverVersion(raw),
                               .version = Parameter(raw, "server_version"),
                               .cockroach = Parameter(raw, "crdb_version")});
  if (PQsetnonblocking(raw, 1) != 0) {
    return Error{ErrorCode::kInternal, "PostgreSQL: " + Sentence(PQerrorMessage(raw))};
  }
  // One that is too old may not know them; who asked for it hears so.
  if (session->engine_.is_supported) KUBASE_TRY(session->Configure(options.connect_timeout));
  if (PQenterPipelineMode(raw) != 1) {
    return Error{ErrorCode::kInternal, "PostgreSQL: " + Sentence(PQerrorMessage(raw))};
  }
  return session;
}

// What stands before the server may take the connection, and let the first statement wait.
Result<void> PostgresSession::Configure(std::chrono::milliseconds timeout) {
  timeout_ = timeout;
  if (PQsendQuery(connection_.get(), std::string(engine_.settings).c_str()) != 1) {
    return Break(Sentence(PQerrorMessage(connection_.get())));
  }
  KUBASE_TRY(Flush());
  Result<void> configured = Ok();
  for (;;) {
    KUBASE_ASSIGN_OR_RETURN(const ResultPtr result, Next());
    if (result == nullptr) return configured;
    if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) continue;
    configured = ClassifyPostgres(PQresultErrorField(result.get(), PG_DIAG_SQLSTATE),
                                  Sentence(PQresultErrorMessage(result.get())));
  }
}

void PostgresSession::Prepare(const PostgresStatement& statement,
                              const std::vector<PostgresValue>& values) {
  if (!prepared_.insert(statement.name).second) return;
  std::vector<Oid> types;
  types.reserve(values.size());
  for (const PostgresValue& value : values) types.push_back(value.type());
  Sent(PQsendPrepare(connection_.get(), statement.name.c_str(), statement.text.c_str(),
                     static_cast<int>(types.size()), types.data()) == 1,
       {.sink = {}, .prepares = statement.name});
}

void PostgresSession::Queue(const PostgresStatement& statement,
                            const std::vector<PostgresValue>& values, const StatementSink& sink) {
  Prepare(statement, values);
  std::vector<const char*> data;
  std::vector<int> sizes;
  for (const PostgresValue& value : values) {
    data.push_back(value.data());
    sizes.push_back(value.size());
  }
  const std::vector<int> formats(values.size(), kBinary);
  Sent(PQsendQueryPrepared(connection_.get(), statement.name.c_str(),
                           static_cast<int>(values.size()), data.data(), sizes.data(),
                           formats.data(), kBinary) == 1,
       {.sink = sink, .prepares = ""});
}

void PostgresSession::QueueCommand(const char* text, const StatementSink& sink) {
  Sent(PQsendQueryParams(connection_.get(), text, 0, nullptr, nullptr, nullptr, nullptr, kBinary) ==
           1,
       {.sink = sink, .prepares = ""});
}

void PostgresSession::Sent(bool accepted, Queued queued) {
  refused_ = refused_ || !accepted;
  queued_.push_back(std::move(queued));
}

Result<void> PostgresSession::Send(std::chrono::milliseconds timeout) {
  timeout_ = timeout;
  unanswered_.push_back(std::exchange(queued_, {}));
  if (refused_ || PQpipelineSync(connection_.get()) != 1) {
    return Break(Sentence(PQerrorMessage(connection_.get())));
  }
  return Flush();
}

Result<void> PostgresSession::Run(std::chrono::milliseconds timeout) {
  AnswerTimes times;
  KUBASE_TRY(Send(timeout));
  const std::vector<std::vector<Queued>> sent = std::exchange(unanswered_, {});
  std::optional<Error> failure;
  for (const std::vector<Queued>& queued : sent) {
    failure.reset();
    KUBASE_TRY(ReceiveAll(queued, times, failure));
  }
  if (failure) return *failure;
  return Ok();
}

Result<void> PostgresSession::ReceiveAll(const std::vector<Queued>& queued, AnswerTimes& times,
                                         std::optional<Error>& failure) {
  for (const Queued& one : queued) {
    const bool is_done = !failure;
    KUBASE_TRY(Receive(one, failure));
    if (is_done) times.Note(one.sink, failure);
  }
  KUBASE_ASSIGN_OR_RETURN(const ResultPtr end, Next());
  if (PQresultStatus(end.get()) == PGRES_PIPELINE_SYNC) return Ok();
  return Break("the server's answers are out of step");
}

int PostgresSession::socket() const {
  return PQsocket(connection_.get());
}

bool PostgresSession::IsAlive() {
  if (broken_) return false;
  pollfd socket{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
  // A server that closes may say so first.
  while (!broken_ && ::poll(&socket, 1, 0) == 1) broken_ = PQconsumeInput(connection_.get()) != 1;
  return !broken_ && PQstatus(connection_.get()) == CONNECTION_OK;
}

// The server answers while it is sent more: who does not read would wait for a server that waits.
Result<void> PostgresSession::Flush() {
  for (;;) {
    const int left = PQflush(connection_.get());
    if (left == 0) return Ok();
    if (left < 0) return Break(Sentence(PQerrorMessage(connection_.get())));
    KUBASE_TRY(WaitForInput(true));
  }
}

Result<void> PostgresSession::WaitForInput(bool output_too) {
  pollfd socket{.fd = PQsocket(connection_.get()),
                .events = static_cast<short>(output_too ? POLLIN | POLLOUT : POLLIN),
                .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&socket, 1, static_cast<int>(timeout_.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return Break(std::strerror(errno));
  if (ready == 0) {
    return Break(fmt::format("the server has not answered for {} ms", timeout_.count()));
  }
  if ((socket.revents & ~POLLOUT) != 0 && PQconsumeInput(connection_.get()) != 1) {
    return Break(Sentence(PQerrorMessage(connection_.get())));
  }
  return Ok();
}

Result<PostgresSession::ResultPtr> PostgresSession::Next() {
  while (PQisBusy(connection_.get()) != 0) KUBASE_TRY(WaitForInput(false));
  return ResultPtr(PQgetResult(connection_.get()));
}

Result<void> PostgresSession::Receive(const Queued& queued, std::optional<Error>& failure) {
  // Else libpq would have all rows in memory, of which each can have some megabytes.
  if (queued.sink.rows != nullptr) PQsetSingleRowMode(connection_.get());
  bool wanted = true;
  for (;;) {
    KUBASE_ASSIGN_OR_RETURN(const ResultPtr result, Next());
    if (result == nullptr) return Ok();
    switch (PQresultStatus(result.get())) {
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
      case PGRES_SINGLE_TUPLE:
        TakeRows(queued, result.get(), wanted);
        break;
      case PGRES_PIPELINE_ABORTED:
        prepared_.erase(queued.prepares);
        break;
      default:
        prepared_.erase(queued.prepares);
        if (PQstatus(connection_.get()) != CONNECTION_OK) {
          return Break(Sentence(PQerrorMessage(connection_.get())));
        }
        if (!failure) {
          failure =
              ClassifyPostgres(PQresultErrorField(result.get(), PG_DIAG_SQLSTATE),
                               Sentence(PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY)));
        }
    }
  }
}

void PostgresSession::TakeRows(const Queued& queued, const PGresult* result, bool& wanted) {
  const StatementSink& sink = queued.sink;
  if (sink.changed != nullptr) {
    const char* const count = PQcmdTuples(const_cast<PGresult*>(result));
    *sink.changed = std::strtoll(count, nullptr, 10);
  }
  const int rows = PQntuples(result);
  if (sink.answer != nullptr) sink.answer->rows += rows;
  for (int i = 0; i < rows && wanted && sink.rows != nullptr; ++i) {
    wanted = (*sink.rows)(ResultRow(result, i));
  }
}

Error PostgresSession::Break(const std::string& why) {
  broken_ = true;
  return ClassifyPostgres(nullptr, why);
}

}  // namespace kubase::sql
