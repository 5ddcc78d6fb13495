// What the databases have in common that are reached over a network: who leads them, and how their
// schema is brought up to date. Private to the sql room.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shim/sql/database.h"
#include "shim/sql/epoch.h"
#include "shim/sql/remote_connection.h"

namespace kubase::sql {

// Tables that grow.
inline constexpr std::string_view kGrowingTables[] = {"objects", "history",    "changes",
                                                      "leases",  "attributes", "dependents"};

// For statements that may read or write all that there is. A server that is gone is noticed by the
// network.
inline constexpr std::chrono::seconds kMaintenancePatience = std::chrono::hours(6);

// For RemoteDatabase::IdentifyServerBy where whoever answers has what was acknowledged, since the
// nodes agree on every commit.
inline constexpr std::string_view kOneServer = "1";

// What is between the semicolons, which no literal of a schema has in it.
std::vector<std::string> StatementsOf(const std::string& script);

// `text` between two `quote`s: a literal ('\'') or a name ('"', '`') of SQL.
std::string Quoted(const std::string& text, char quote);

// Its connections are RemoteConnections.
class RemoteDatabase : public Database {
 public:
  bool IsRemote() const override { return true; }
  size_t key_bytes_max() const override { return kRemoteKeyBytesMax; }
  Result<LeaderRecord> ReadLeader(Connection& connection) override;
  Result<int64_t> TakeLead(Connection& connection, const LeaderRecord& seen,
                           const std::string& process, const std::string& address) override;
  Result<void> RenewLead(Connection& connection) override;
  Result<void> GiveUpLead(Connection& connection) override;
  Result<bool> IsOtherServer(Connection& connection) override;
  Result<void> RememberServer(Connection& connection) override;
  Result<std::string> ReadDurabilityRisk(Connection& connection) override;
  // Waits for the end of what was under way on the lost connection, and refuses what may still
  // come from there: the row of `meta` is locked by who writes, and has another epoch from now on.
  Result<void> Settle(Connection& connection) override;
  // The servers reuse free space by themselves.
  Result<bool> ReclaimSpaceStep(Connection&) override { return false; }

 protected:
  // `fence` must outlive it.
  explicit RemoteDatabase(WriteFence& fence) : fence_(fence) {}

  // Runs `command` on each table that grows, on a connection of which nobody else knows. Soon after
  // `stop` kUnavailable, whatever the server does.
  static Result<void> RunOnTables(RemoteConnection& connection, std::string_view command,
                                  const std::stop_token& stop);

  // An expression of SQL that gives a number above 0, another one where a server has taken over
  // from one that it copies. To be set before the database is used.
  void IdentifyServerBy(std::string expression) { server_ = std::move(expression); }

  // A statement that gives what ReadDurabilityRisk does; without one, empty. Set as early.
  void AskDurabilityBy(std::string statement) { durability_ = std::move(statement); }

  // How a schema is found and made. The first two are statements that give a number above 0 if
  // `meta` is ours, and if there is any table; `run` brings schema version i to i + 1.
  struct Schema {
    std::string find_ours;
    std::string find_any;
    int64_t newest = 0;
    std::function<Result<void>(int64_t version)> run;
  };
  // Errors: kInvalidArgument (the tables of another program), kUnsupported (a newer schema), those
  // of the database.
  static Result<void> EnsureSchema(RemoteConnection& connection, const Schema& schema);

 private:
  // Changes the row of `meta` if `condition` holds there. Success: `column` has `value` then; else
  // kLeaderChanged. After other errors it may have been done, and may still be.
  struct Change {
    std::string changes;
    std::string condition;
    std::string column;
    int64_t value = 0;
  };
  static Result<void> Apply(Connection& connection, const Change& change);
  static Result<int64_t> CountWrites(Connection& connection);

  WriteFence& fence_;
  std::string server_;
  std::string durability_;
  std::atomic<int64_t> term_{0};
  std::atomic<bool> knows_server_{false};  // in this term
  int64_t next_epoch_ = 0;  // that may have been set, when it is not known; the writer's
};

}  // namespace kubase::sql
