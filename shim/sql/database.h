// Database and Connection: what the store needs of an SQL engine. No etcd words.
//
// Statements are named (queries.h); their text belongs to the engine's dialect. One Connection is
// used by one thread at a time; a Database hands out any number of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/matching.h"
#include "shim/sql/queries.h"

namespace kubase::sql {

// A bound parameter: an integer or bytes. The bytes must live until the call returns.
class Value {
 public:
  Value(int64_t number) : number_(number) {}                           // NOLINT: implicit
  Value(std::string_view bytes) : bytes_(bytes), is_bytes_(true) {}    // NOLINT: implicit
  Value(const std::string& bytes) : Value(std::string_view(bytes)) {}  // NOLINT: implicit

  bool is_bytes() const { return is_bytes_; }
  int64_t number() const { return number_; }
  std::string_view bytes() const { return bytes_; }

 private:
  int64_t number_ = 0;
  std::string_view bytes_;
  bool is_bytes_ = false;
};

using Params = std::span<const Value>;

// The current row of a running query; views die with the next row.
class Row {
 public:
  virtual ~Row() = default;
  virtual bool IsNull(int column) const = 0;
  virtual int64_t Int(int column) const = 0;
  virtual std::string_view Bytes(int column) const = 0;
};

// Returns false to stop the query early, which is no error.
using RowSink = std::function<bool(const Row&)>;

enum class Access { kRead, kWrite };

// Of the connections of one process to a database.
struct PoolLimits {
  int open_max = 0;                  // 0: as many as are of use
  int idle_max = -1;                 // that stay open while nobody reads; below 0: all
  std::chrono::seconds lifetime{0};  // after which one is made anew; 0: never
};
// One writes, one keeps the lead, one reads.
inline constexpr int kOpenConnectionsMin = 3;

// Errors of every call: kUnavailable (nothing happened, may be tried again), kNoSpace, kCorrupt,
// kPermissionDenied, kInternal; where rows are inserted and committed also kAlreadyExists (of what
// has to be unique); of Commit also kOutcomeUnknown. After an error inside a transaction
// only Rollback may follow.
class Connection {
 public:
  virtual ~Connection() = default;

  // A read transaction sees one snapshot, taken at its first statement, that holds every commit
  // acknowledged before. A write transaction excludes all other writers from the start.
  virtual Result<void> Begin(Access access) = 0;
  virtual Result<void> Commit() = 0;
  virtual void Rollback() = 0;

  virtual Result<void> Select(Query query, Params params, const RowSink& sink) = 0;
  // Runs `query` for each group of `columns` parameters, no two of which are the same, and gives
  // the rows of all, in any order: one round trip, whatever their number.
  virtual Result<void> SelectMany(Query query, Params params, size_t columns,
                                  const RowSink& sink) = 0;
  // SelectMany, of what the transaction has made of it, and Commit, as far as can be in one round
  // trip. Without success, the rows are worth nothing.
  virtual Result<void> SelectManyAndCommit(Query query, Params params, size_t columns,
                                           const RowSink& sink) {
    KUBASE_TRY(SelectMany(query, params, columns, sink));
    return Commit();
  }
  // In metrics and logs it is called "match".
  virtual Result<void> SelectMatching(const MatchShape& shape, Params params,
                                      const RowSink& sink) = 0;
  // The number of rows changed.
  virtual Result<int64_t> Execute(Query query, Params params) = 0;
  // Runs `query` for each group of `columns` parameters, inside a write transaction. It may be done
  // as late as with the next call that reads, counts or commits, which tells its errors then: it
  // costs no round trip.
  virtual Result<void> ExecuteMany(Query query, Params params, size_t columns) = 0;
  // Outside of a transaction: gives back what it has of a server; it connects again when it is
  // used.
  virtual void Disconnect() = 0;
};

// For SpaceUsage::limit_bytes of an engine that has no bound.
inline constexpr int64_t kUnboundedBytes = int64_t{1} << 62;

struct SpaceUsage {
  int64_t total_bytes = 0;
  int64_t in_use_bytes = 0;
  int64_t limit_bytes = 0;  // the engine's own bound, whatever the disk has room for
};

// What free space is given back for. kSmaller: the database has to get smaller, also where its
// server locks and writes each table anew for that. kReuse: nothing is locked for long.
enum class Reclaim { kReuse, kSmaller };

// On engines over a network: entries of their indexes have a quarter of a page or less, and hold a
// key with what makes it unique.
inline constexpr size_t kRemoteKeyBytesMax = 2000;

// What the guard of a write transaction means by its failure, and those who lose the lead.
inline const Error kLedByAnother{
    ErrorCode::kLeaderChanged,
    "another kubase has taken over the database, or its server lost what it had acknowledged"};

// Who leads a database that several processes can reach, as it is written there.
struct LeaderRecord {
  int64_t term = 0;      // of this lead, at random; 0: nobody leads
  int64_t renewals = 0;  // it grows while the leader lives
  std::string process;   // as it calls itself
  std::string address;   // where its clients find it
};

// Any thread.
class Database {
 public:
  virtual ~Database() = default;
  // A connection with the schema in place. Errors as above. `patience`: after which a silent server
  // counts as gone; 0: as the endpoint says.
  Result<std::unique_ptr<Connection>> Connect(Access access) { return Connect(access, {}); }
  virtual Result<std::unique_ptr<Connection>> Connect(Access access,
                                                      std::chrono::seconds patience) = 0;

  // Only who leads can write: the write transactions of all others fail. Each of these runs outside
  // of a transaction; on an engine of one process that process leads, and they do nothing.
  virtual Result<LeaderRecord> ReadLeader(Connection& connection) = 0;
  // The term in which this process leads, as `process` at `address`. Only if `seen` is what is
  // written there, else kLeaderChanged.
  virtual Result<int64_t> TakeLead(Connection& connection, const LeaderRecord& seen,
                                   const std::string& process, const std::string& address) = 0;
  // kLeaderChanged: it is lost for good.
  virtual Result<void> RenewLead(Connection& connection) = 0;
  // Nobody leads any more, unless another does.
  virtual Result<void> GiveUpLead(Connection& connection) = 0;
  // For who leads: whether the server is another than the one that was remembered last, so that it
  // may lack what that one had acknowledged.
  virtual Result<bool> IsOtherServer(Connection& connection) = 0;
  // From then on each renewal remembers the one that it finds: it has what was acknowledged.
  virtual Result<void> RememberServer(Connection& connection) = 0;
  // The settings of the server by which an outage of its machine loses what it acknowledged, as
  // "NAME = VALUE, NAME = VALUE"; empty: there is none, as far as the engine tells.
  virtual Result<std::string> ReadDurabilityRisk(Connection& connection) = 0;

  virtual std::string engine() const = 0;  // "SQLite 3.40.1"
  // Of the longest key that its indexes take.
  virtual size_t key_bytes_max() const = 0;
  // Whether a statement travels, so that reads together are cheaper than one after the other.
  virtual bool IsRemote() const = 0;
  virtual PoolLimits pool_limits() const = 0;
  virtual Result<SpaceUsage> ReadSpaceUsage(Connection& connection) = 0;
  // Gives a bounded amount of free space back to the file system, on a write connection outside a
  // transaction. True: there is more to give.
  virtual Result<bool> ReclaimSpaceStep(Connection& connection) = 0;
  // Gives all of it back, to new rows or to the file system as `aim` says; may take hours and hold
  // up writers. kUnavailable soon after `stop`.
  virtual Result<void> ReclaimSpace(Connection& connection, Reclaim aim,
                                    const std::stop_token& stop) = 0;
  // Reads everything once. Empty: it is sound; else a sentence for each of the first damages.
  virtual Result<std::vector<std::string>> CheckIntegrity(Connection& connection) = 0;
  // After a Commit of unknown outcome and a Rollback, on the same connection. On success the
  // outcome is decided for good, also over a crash or a power cut: the next read shows it. On
  // failure (kUnavailable, kInternal, kNoSpace: try again later) no write may follow.
  virtual Result<void> Settle(Connection& connection) = 0;
};

// A statement that ran, or failed.
struct StatementRun {
  std::string_view name;
  double seconds = 0;
  // Of statements that read: the rows that it gave, wanted or not, and what the engine did for
  // them, in a unit of its own that grows with the rows that it looked at.
  int64_t rows = 0;
  int64_t steps = 0;
  const Error* error = nullptr;  // null: it succeeded
};

// Any thread.
class StatementObserver {
 public:
  virtual ~StatementObserver() = default;
  virtual void OnStatement(const StatementRun& run) = 0;
};

}  // namespace kubase::sql
