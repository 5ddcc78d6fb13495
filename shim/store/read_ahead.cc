// One statement in front of the COMMIT.
#include "shim/store/read_ahead.h"

#include <memory>
#include <utility>

#include "shim/base/limits.h"
#include "shim/store/pairs.h"

namespace kubase::store {

void ReadAhead::AddWrite(const std::vector<std::string_view>& keys) {
  for (const std::string_view key : keys) pairs_.try_emplace(std::string(key));
  ++writes_;
}

Result<void> ReadAhead::Commit(sql::Connection& connection, PairCache& known, Revision revision) {
  std::erase_if(pairs_, [&](const auto& pair) { return known.Find(pair.first).has_value(); });
  revision_ = revision;
  Result<void> committed = pairs_.empty() ? connection.Commit() : CommitAndRead(connection);
  if (!committed.ok()) *this = ReadAhead();
  return committed;
}

Result<void> ReadAhead::CommitAndRead(sql::Connection& connection) {
  std::vector<sql::Value> keys;
  keys.reserve(pairs_.size());
  for (const auto& [key, pair] : pairs_) keys.emplace_back(key);
  std::vector<std::string> unread;
  size_t bytes = 0;
  Result<void> committed =
      connection.SelectManyAndCommit(sql::Query::kGet, keys, 1, [&](const sql::Row& row) {
        auto pair = std::make_shared<const KeyValue>(ParsePair(row));
        bytes += pair->value.size();
        if (bytes > limits::kReadAheadBytesMax) {
          unread.push_back(pair->key);
        } else {
          pairs_.at(pair->key) = pair;
        }
        return true;
      });
  for (const std::string& key : unread) pairs_.erase(key);
  return committed;
}

std::optional<KeyValuePtr> ReadAhead::Find(std::string_view key, Revision revision) const {
  if (revision != revision_) return std::nullopt;
  const auto found = pairs_.find(std::string(key));
  if (found == pairs_.end()) return std::nullopt;
  return found->second;
}

size_t ReadAhead::TakeWrites() {
  return std::exchange(writes_, 0);
}

}  // namespace kubase::store
