// The lead is a number in `meta`; the schema's version is beside it.
#include "shim/sql/remote_database.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "shim/base/failpoint.h"
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

Result<bool> RemoteDatabase::SetEpoch(Connection& connection, int64_t epoch,
                                      const std::string& expected) {
  auto& remote = static_cast<RemoteConnection&>(connection);
  KUBASE_TRY(remote.Run(fmt::format("UPDATE meta SET epoch = {} WHERE id = 1{}", epoch, expected)));
  KUBASE_ASSIGN_OR_RETURN(const auto stored,
                          remote.ReadNumber("SELECT epoch FROM meta WHERE id = 1"));
  if (!stored) {
    return Error{ErrorCode::kCorrupt, "the table meta lost its row; restore a backup"};
  }
  return stored == epoch;
}

Result<void> RemoteDatabase::TakeLead(Connection& connection) {
  const int64_t epoch = NewEpoch();
  KUBASE_ASSIGN_OR_RETURN(const bool leads, SetEpoch(connection, epoch, ""));
  if (!leads) return kLedByAnother;
  epoch_ = epoch;
  return Ok();
}

Result<void> RemoteDatabase::Settle(Connection& connection) {
  if (next_epoch_ == 0) next_epoch_ = NewEpoch();
  KUBASE_ASSIGN_OR_RETURN(const bool leads, SetEpoch(connection, next_epoch_,
                                                     fmt::format(" AND epoch IN ({}, {})",
                                                                 epoch_.load(), next_epoch_)));
  if (!leads) return kLedByAnother;
  epoch_ = std::exchange(next_epoch_, 0);
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
