// The lead is a number in `meta`; the schema's version is beside it.
#include "shim/sql/remote_database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "shim/base/failpoint.h"
#include "shim/base/owned_fd.h"
#include "shim/sql/epoch.h"

namespace kubase::sql {
namespace {

// 0: there is no schema yet.
Result<int64_t> ReadSchemaVersion(RemoteConnection& connection, const std::string& find_ours,
                                  const std::string& find_any) {
  KUBASE_ASSIGN_OR_RETURN(const auto ours, connection.ReadNumber(find_ours));
  if (ours.value_or(0) == 0) {
    KUBASE_ASSIGN_OR_RETURN(const auto others, connection.ReadNumber(find_any));
    if (others.value_or(0) == 0) return int64_t{0};
    return Error{ErrorCode::kInvalidArgument,
                 "the database belongs to another program (it has tables that are not kubase's); "
                 "name another database"};
  }
  KUBASE_ASSIGN_OR_RETURN(const auto version,
                          connection.ReadNumber("SELECT schema_version FROM meta WHERE id = 1"));
  return version.value_or(0);
}

constexpr char kMetaIsEmpty[] = "the table meta lost its row; restore a backup";

}  // namespace

std::vector<std::string> StatementsOf(const std::string& script) {
  std::vector<std::string> statements;
  size_t start = 0;
  while (start < script.size()) {
    const size_t end = std::min(script.find(';', start), script.size());
    std::string statement = script.substr(start, end - start);
    if (statement.find_first_not_of(" \n") != std::string::npos) {
      statements.push_back(std::move(statement));
    }
    start = end + 1;
  }
  return statements;
}

std::string Quoted(const std::string& text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) quoted.append(c == quote ? 2 : 1, c);
  return quoted + quote;
}

Result<void> RemoteDatabase::RunOnTables(RemoteConnection& connection, std::string_view command,
                                         const std::stop_token& stop) {
  for (const std::string_view table : kGrowingTables) {
    KUBASE_ASSIGN_OR_RETURN(const int socket, connection.Socket());
    // The connection may close its own one at any time.
    const OwnedFd copy(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
    const std::stop_callback cut(stop, [&copy] { ::shutdown(copy.get(), SHUT_RDWR); });
    if (stop.stop_requested())
      return Error{ErrorCode::kUnavailable, "it was stopped before its end"};
    KUBASE_TRY(connection.Run(fmt::format("{} {}", command, table)));
  }
  return Ok();
}

Result<LeaderRecord> RemoteDatabase::ReadLeader(Connection& connection) {
  std::optional<LeaderRecord> record;
  KUBASE_TRY(static_cast<RemoteConnection&>(connection)
                 .Read("SELECT leader_term, leader_renewals, leader_process, leader_address "
                       "FROM meta WHERE id = 1",
                       [&](const Row& row) {
                         record = {row.Int(0), row.Int(1), std::string(row.Bytes(2)),
                                   std::string(row.Bytes(3))};
                         return false;
                       }));
  if (!record) return Error{ErrorCode::kCorrupt, kMetaIsEmpty};
  return std::move(*record);
}

Result<void> RemoteDatabase::Apply(Connection& connection, const Change& change) {
  auto& remote = static_cast<RemoteConnection&>(connection);
  KUBASE_TRY(remote.Run(
      fmt::format("UPDATE meta SET {} WHERE id = 1 AND {}", change.changes, change.condition)));
  KUBASE_ASSIGN_OR_RETURN(
      const auto stored,
      remote.ReadNumber(fmt::format("SELECT {} FROM meta WHERE id = 1", change.column)));
  if (!stored) return Error{ErrorCode::kCorrupt, kMetaIsEmpty};
  return *stored == change.value ? Ok() : Result<void>(kLedByAnother);
}

Result<int64_t> RemoteDatabase::CountWrites(Connection& connection) {
  KUBASE_ASSIGN_OR_RETURN(const auto writes,
                          static_cast<RemoteConnection&>(connection).ReadNumber(kReadWrites));
  if (!writes) return Error{ErrorCode::kCorrupt, kMetaIsEmpty};
  return *writes;
}

Result<int64_t> RemoteDatabase::TakeLead(Connection& connection, const LeaderRecord& seen,
                                         const std::string& process, const std::string& address) {
  const int64_t term = NewEpoch();
  knows_server_ = false;
  KUBASE_TRY(Apply(connection,
                   {.changes = fmt::format("epoch = {0}, leader_term = {0}, leader_renewals = 0, "
                                           "leader_process = {1}, leader_address = {2}",
                                           term, Quoted(process, '\''), Quoted(address, '\'')),
                    .condition = fmt::format("leader_term = {} AND leader_renewals = {}", seen.term,
                                             seen.renewals),
                    .column = "leader_term",
                    .value = term}));
  KUBASE_ASSIGN_OR_RETURN(fence_.writes, CountWrites(connection));
  term_ = term;
  fence_.epoch = term;
  return term;
}

Result<void> RemoteDatabase::RenewLead(Connection& connection) {
  const int64_t term = term_;
  std::string changes = "leader_renewals = leader_renewals + 1";
  // The connection was made to one that has all that was acknowledged, or would have failed.
  if (knows_server_) changes += ", server = " + server_;
  return Apply(connection, {.changes = std::move(changes),
                            .condition = fmt::format("leader_term = {}", term),
                            .column = "leader_term",
                            .value = term});
}

// What was under way when it is given up has the row locked, or comes too late.
Result<void> RemoteDatabase::GiveUpLead(Connection& connection) {
  fence_.epoch = kNoEpoch;
  const int64_t term = term_.exchange(0);
  if (term == 0) return Ok();
  return static_cast<RemoteConnection&>(connection)
      .Run(fmt::format("UPDATE meta SET epoch = 0, leader_term = 0, leader_address = '' "
                       "WHERE id = 1 AND leader_term = {}",
                       term));
}

Result<bool> RemoteDatabase::IsOtherServer(Connection& connection) {
  KUBASE_ASSIGN_OR_RETURN(
      const auto other,
      static_cast<RemoteConnection&>(connection)
          .ReadNumber(fmt::format("SELECT CASE WHEN server NOT IN (0, {}) THEN 1 ELSE 0 END "
                                  "FROM meta WHERE id = 1",
                                  server_)));
  return other.value_or(0) == 1;
}

Result<void> RemoteDatabase::RememberServer(Connection& connection) {
  KUBASE_TRY(static_cast<RemoteConnection&>(connection)
                 .Run(fmt::format("UPDATE meta SET server = {} WHERE id = 1 AND leader_term = {}",
                                  server_, term_.load())));
  knows_server_ = true;
  return Ok();
}

Result<std::string> RemoteDatabase::ReadDurabilityRisk(Connection& connection) {
  std::string risk;
  if (durability_.empty()) return risk;
  KUBASE_TRY(static_cast<RemoteConnection&>(connection).Read(durability_, [&](const Row& row) {
    risk = row.Bytes(0);
    return false;
  }));
  return risk;
}

// One epoch for all attempts: an earlier one may still arrive.
Result<void> RemoteDatabase::Settle(Connection& connection) {
  if (next_epoch_ == 0) next_epoch_ = NewEpoch();
  KUBASE_TRY(
      Apply(connection, {.changes = fmt::format("epoch = {}", next_epoch_),
                         .condition = fmt::format("leader_term = {} AND epoch IN ({}, {})",
                                                  term_.load(), fence_.epoch.load(), next_epoch_),
                         .column = "epoch",
                         .value = next_epoch_}));
  KUBASE_ASSIGN_OR_RETURN(const int64_t writes, CountWrites(connection));
  const int64_t missed = writes - fence_.writes;
  if (missed != 0 && missed != 1) return kLedByAnother;
  fence_.writes = writes;
  fence_.epoch = std::exchange(next_epoch_, 0);
  return Ok();
}

Result<void> RemoteDatabase::EnsureSchema(RemoteConnection& connection, const Schema& schema) {
  KUBASE_ASSIGN_OR_RETURN(int64_t version,
                          ReadSchemaVersion(connection, schema.find_ours, schema.find_any));
  if (version > schema.newest) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("the database has schema version {} and this kubase knows up to {}; "
                             "install the newer kubase that wrote it",
                             version, schema.newest)};
  }
  for (; version < schema.newest; ++version) {
    KUBASE_TRY(schema.run(version));
    Reach(Failpoint::kSchemaStep);
  }
  Reach(Failpoint::kSchemaReady);
  return Ok();
}

}  // namespace kubase::sql
