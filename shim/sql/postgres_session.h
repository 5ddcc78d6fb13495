// PostgresSession: one connection of libpq in pipeline mode. Private to the sql room.
//
// Statements are queued and travel together: any number of them costs one round trip. What they
// give is read by Run, in their order.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/sql/endpoint_file.h"
#include "shim/sql/postgres.h"
#include "shim/sql/postgres_engine.h"
#include "shim/sql/postgres_value.h"
#include "shim/sql/statement_sink.h"

struct pg_conn;
struct pg_result;

namespace kubase::sql {

// A statement by its name in the session. Its text is prepared when it is used first; its
// parameters are of the types that they are of then.
struct PostgresStatement {
  std::string name;
  std::string text;
};

// One thread.
class PostgresSession {
 public:
  // Connects within the connect_timeout for each host, to `database` instead of the one that the
  // options name. Errors: those of ClassifyPostgres.
  static Result<std::unique_ptr<PostgresSession>> Open(const PostgresOptions& options,
                                                       const std::string& database = {});
  ~PostgresSession();
  PostgresSession(const PostgresSession&) = delete;
  PostgresSession& operator=(const PostgresSession&) = delete;

  // The values are copied. Errors show in Run.
  void Queue(const PostgresStatement& statement, const std::vector<PostgresValue>& values,
             const StatementSink& sink = {});
  // A command without parameters.
  void QueueCommand(const char* text, const StatementSink& sink = {});

  // Sends what is queued, and waits for all that it gives. What follows a statement that fails is
  // not done. Errors: those of ClassifyPostgres; kUnavailable when nothing has come for `timeout`.
  Result<void> Run(std::chrono::milliseconds timeout);
  // Sends what is queued, without sinks, and waits for nothing: the next Run does, and does not
  // tell its errors.
  Result<void> Send(std::chrono::milliseconds timeout);

  bool has_queued() const { return !queued_.empty(); }
  // Looks whether the server has closed the connection.
  bool IsAlive();
  int socket() const;
  // It can be used no more; what was under way then may or may not have been done.
  bool broken() const { return broken_; }
  // After "DEALLOCATE ALL" was queued.
  void ForgetPrepared() { prepared_.clear(); }
  const PostgresEngine& engine() const { return engine_; }

 private:
  struct Queued {
    StatementSink sink;
    std::string prepares;  // the name of the statement that this prepares; "" when it runs one
  };
  struct Close {
    void operator()(pg_conn* connection) const;
  };
  struct Clear {
    void operator()(pg_result* result) const;
  };
  using ResultPtr = std::unique_ptr<pg_result, Clear>;

  explicit PostgresSession(pg_conn* connection);
  Result<void> Configure(std::chrono::milliseconds timeout);
  void Prepare(const PostgresStatement& statement, const std::vector<PostgresValue>& values);
  void Sent(bool accepted, Queued queued);
  // Up to the end of what was sent at once.
  Result<void> ReceiveAll(const std::vector<Queued>& queued, AnswerTimes& times,
                          std::optional<Error>& failure);
  Result<void> Flush();
  Result<void> WaitForInput(bool output_too);
  Result<ResultPtr> Next();
  // Errors of the statement come in `failure`; of the connection as the result.
  Result<void> Receive(const Queued& queued, std::optional<Error>& failure);
  void TakeRows(const Queued& queued, const pg_result* result, bool& wanted);
  Error Break(const std::string& why);

  std::unique_ptr<pg_conn, Close> connection_;
  PostgresEngine engine_;
  std::chrono::milliseconds timeout_{0};
  std::unordered_set<std::string> prepared_;
  std::vector<Queued> queued_;                   // not sent
  std::vector<std::vector<Queued>> unanswered_;  // sent, and not waited for
  bool refused_ = false;                         // libpq did not take a statement
  bool broken_ = false;
};

// The database that a connection string names, and its user; "" where it leaves that to libpq.
struct PostgresNames {
  std::string database;
  std::string user;
  std::vector<EndpointFile> files;
};
PostgresNames NamesIn(const std::string& connection);

// An SQLSTATE as one of our errors; `message` is the server's.
Error ClassifyPostgres(const char* sql_state, const std::string& message);

}  // namespace kubase::sql
