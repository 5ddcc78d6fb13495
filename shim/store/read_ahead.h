// ReadAhead: the pairs that waiting writes will ask for, read with the commit before theirs.
//
// On a server each batch would need two round trips, one for what it reads and one for what it
// writes. The reads of the next batch travel with the commit of this one instead, behind what it
// writes: since nobody else writes, that is what the next batch finds.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/pair_cache.h"
#include "shim/store/types.h"

namespace kubase::store {

// One thread.
class ReadAhead {
 public:
  // Before Commit: one more write waits, which reads these keys.
  void AddWrite(const std::vector<std::string_view>& keys);

  // Commits the transaction of `connection`, which makes `revision` the present one, and reads the
  // keys that were added, but for those that `known` has, and for more than limits.h allows.
  // Errors: those of Connection::Commit; nothing was read.
  Result<void> Commit(sql::Connection& connection, PairCache& known, Revision revision);

  // The pair of `key` at `revision`, null if there was none; nullopt: it was not read.
  std::optional<KeyValuePtr> Find(std::string_view key, Revision revision) const;

  // How many writes were added: those to take next, so that all of them find what they read. 0 when
  // it is asked again.
  size_t TakeWrites();

 private:
  Result<void> CommitAndRead(sql::Connection& connection);

  std::unordered_map<std::string, KeyValuePtr> pairs_;
  Revision revision_ = 0;  // at which they are so
  size_t writes_ = 0;
};

}  // namespace kubase::store
