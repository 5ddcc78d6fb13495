// What the databases have in common that are reached over a network: who leads them, and how their
// schema is brought up to date. Private to the sql room.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/sql/database.h"

namespace kubase::sql {

// Tables that grow.
inline constexpr std::string_view kGrowingTables[] = {"objects", "history",    "changes",
                                                      "leases",  "attributes", "dependents"};

// What is between the semicolons, which no literal of a schema has in it.
std::vector<std::string> StatementsOf(const std::string& script);

class RemoteConnection : public Connection {
 public:
  // Outside of a transaction: a statement without parameters.
  virtual Result<void> Run(const std::string& text) = 0;
  // The same, of one row and column. Null: no row, or NULL.
  virtual Result<std::optional<int64_t>> ReadNumber(const std::string& text) = 0;
};

// Its connections are RemoteConnections.
class RemoteDatabase : public Database {
 public:
  bool IsRemote() const override { return true; }
  size_t key_bytes_max() const override { return kRemoteKeyBytesMax; }
  Result<void> TakeLead(Connection& connection) override;
  // Waits for the end of what was under way on the lost connection, and refuses what may still
  // come from there: the row of `meta` is locked by who writes, and has another epoch from now on.
  Result<void> Settle(Connection& connection) override;
  // The servers reuse free space by themselves.
  Result<bool> ReclaimSpaceStep(Connection&) override { return false; }

 protected:
  // `epoch`: what write transactions expect in `meta`; must outlive it.
  explicit RemoteDatabase(std::atomic<int64_t>& epoch) : epoch_(epoch) {}

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
  // False: one leads that is not among `expected`. After an error it may or may not have been done.
  static Result<bool> SetEpoch(Connection& connection, int64_t epoch, const std::string& expected);

  std::atomic<int64_t>& epoch_;
  int64_t next_epoch_ = 0;  // that may have been set, when it is not known; the writer's
};

}  // namespace kubase::sql
