// RemoteConnection: a connection of the store to a server, whatever its protocol. Private to the
// sql room.
//
// What a write transaction changes is queued, and travels with its next read or with its commit.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shim/sql/database.h"
#include "shim/sql/epoch.h"
#include "shim/sql/statement_sink.h"

namespace kubase::sql {

// How many write transactions there were.
inline constexpr char kReadWrites[] = "SELECT writes FROM meta WHERE id = 1";

// Connects when it is used, and again when the connection was lost. After an error of the
// connection inside a transaction all of it is undone.
class RemoteConnection : public Connection {
 public:
  // What it shares with the other connections to the database; to outlive it.
  struct Shared {
    WriteFence& fence;
    const PoolLimits& pool;
    StatementObserver* observer;  // null: nobody
  };

  // Errors: of the engine's session when it is opened; kLeaderChanged where its server lacks what
  // this process has written.
  Result<void> EnsureSession();

  Result<void> Begin(Access access) final;
  Result<void> Commit() final;
  Result<void> SelectManyAndCommit(Query query, Params params, size_t columns,
                                   const RowSink& sink) final;
  void Rollback() final;
  Result<void> Select(Query query, Params params, const RowSink& sink) final;
  Result<void> SelectMany(Query query, Params params, size_t columns, const RowSink& sink) final;
  Result<void> SelectMatching(const MatchShape& shape, Params params, const RowSink& sink) final;
  Result<int64_t> Execute(Query query, Params params) final;
  Result<void> ExecuteMany(Query query, Params params, size_t columns) final;
  void Disconnect() final { CloseSession(); }

  // Outside of a transaction: a statement without parameters.
  Result<void> Run(const std::string& text);
  Result<void> Read(const std::string& text, const RowSink& sink);
  // As Read, of one row and column. Null: no row, or NULL.
  Result<std::optional<int64_t>> ReadNumber(const std::string& text);
  // Of its connection, which is made if there is none.
  Result<int> Socket();

 protected:
  explicit RemoteConnection(const Shared& shared) : shared_(shared) {}

  // Sends what is queued, and waits for all that it gives. What follows a statement that fails is
  // not done.
  Result<void> RunQueued();
  // Ends the transaction of the session, and drops what is queued.
  void Undo();
  WriteFence& fence() { return shared_.fence; }

  // --- Of the engine's session ---
  virtual bool IsUsable() = 0;  // there is one, and it can be used on
  virtual Result<void> OpenSession() = 0;
  virtual void CloseSession() = 0;
  virtual bool IsBroken() const = 0;
  virtual int SocketOfSession() const = 0;
  // Each queues what is to be sent; errors show in RunSession.
  virtual void QueueBegin(Access access) = 0;
  virtual void QueueText(const std::string& text, const StatementSink& sink) = 0;
  virtual void QueueOne(Query query, Params params, const StatementSink& sink) = 0;
  virtual void QueueMany(Query query, Params params, size_t columns, const StatementSink& sink) = 0;
  virtual void QueueMatching(const MatchShape& shape, Params params, const StatementSink& sink) = 0;
  // As RunQueued.
  virtual Result<void> RunSession() = 0;
  // Drops what is queued, which has no sinks, or sends it without hope. Then it lets the session
  // undo its transaction. False: that failed.
  virtual bool UndoInSession() = 0;

 private:
  // Runs what `queue(sink)` queues, as the statement of that name, and gives its rows to `rows`.
  template <typename Queue>
  Result<void> Reading(std::string_view name, const RowSink& rows, const Queue& queue);
  // EnsureSession outside of a transaction; the observer hears as of that statement if it fails.
  Result<void> Connected(std::string_view name);
  // For a statement that is queued next; the observer hears of it when it has run.
  StatementSink Watched(std::string_view name, StatementSink sink = {});
  Result<void> RunUnobserved();
  // Of the statements that have run. `done`: how that ended.
  void TellObserver(const Result<void>& done);
  Result<void> ReadInSession(const std::string& text, const RowSink& sink);
  Result<void> CheckServer();

  struct Watch {
    std::string_view name;
    std::chrono::steady_clock::time_point queued;
    std::shared_ptr<StatementAnswer> answer;
  };

  const Shared shared_;
  std::vector<Watch> watched_;                    // queued, and not undone
  std::chrono::steady_clock::time_point opened_;  // the session
  bool in_transaction_ = false;
  bool writes_ = false;  // the transaction
  bool running_ = false;
};

}  // namespace kubase::sql
