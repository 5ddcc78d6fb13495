// The keys first; what memory lacks of a few of them is read one by one.
#include "shim/store/remembered_scan.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kubase::store {
namespace {

// A pair that is read by itself costs more than in a scan: of so many keys one may be missing.
constexpr size_t kKeysPerMiss = 8;
// Before which nothing can be said of the rest.
constexpr size_t kMissesAtFirst = 8;

struct Remembered {
  std::string key;
  KeyValuePtr pair;  // null: not known
};

// In key order. Null: too many are not known.
Result<std::optional<std::vector<Remembered>>> Recall(sql::Connection& connection, const Meta& meta,
                                                      const KeyRange& range, int64_t limit,
                                                      PairCache& pairs) {
  std::vector<Remembered> found;
  size_t misses = 0;
  bool worth_it = true;
  KUBASE_TRY(ListKeys(connection, range, limit, [&](std::string_view key) {
    KeyValuePtr pair = pairs.FindAt(key, meta.revision);
    if (pair != nullptr) {
      found.push_back({{}, std::move(pair)});
    } else {
      found.push_back({std::string(key), nullptr});
      worth_it = ++misses <= kMissesAtFirst + found.size() / kKeysPerMiss;
    }
    return worth_it;
  }));
  if (!worth_it || (misses > 1 && misses * kKeysPerMiss > found.size())) {
    return std::optional<std::vector<Remembered>>();
  }
  return std::optional(std::move(found));
}

Result<KeyValuePtr> ReadListed(sql::Connection& connection, const std::string& key) {
  KUBASE_ASSIGN_OR_RETURN(KeyValuePtr pair, ReadPair(connection, key));
  if (pair != nullptr) return pair;
  return Error{ErrorCode::kCorrupt,
               "the index of keys has one that is not in the table objects; restore a backup"};
}

Result<void> ScanAndLearn(sql::Connection& connection, const Meta& meta, const KeyRange& range,
                          int64_t limit, PairCache& pairs,
                          const std::function<bool(KeyValuePtr)>& sink) {
  std::vector<KeyValuePtr> read;
  KUBASE_TRY(
      ScanRange(connection, meta, range, meta.revision, limit, false, [&](const KeyValuePtr& pair) {
        read.push_back(pair);
        return sink(pair);
      }));
  // Only now is it certain that what was read is what is there (MappedRead).
  pairs.LearnIfRoom(read, meta.revision);
  return Ok();
}

}  // namespace

Result<void> ScanRemembered(sql::Connection& connection, const Meta& meta, const KeyRange& range,
                            Revision revision, int64_t limit, bool keys_only, PairCache* pairs,
                            const std::function<bool(KeyValuePtr)>& sink) {
  if (pairs == nullptr || keys_only || revision != meta.revision || range.IsSingle()) {
    return ScanRange(connection, meta, range, revision, limit, keys_only, sink);
  }
  KUBASE_ASSIGN_OR_RETURN(auto recalled, Recall(connection, meta, range, limit, *pairs));
  if (!recalled) return ScanAndLearn(connection, meta, range, limit, *pairs, sink);
  for (Remembered& one : *recalled) {
    if (one.pair == nullptr) {
      KUBASE_ASSIGN_OR_RETURN(one.pair, ReadListed(connection, one.key));
      pairs->LearnIfRoom({one.pair}, meta.revision);
    }
    if (!sink(std::move(one.pair))) break;
  }
  return Ok();
}

}  // namespace kubase::store
