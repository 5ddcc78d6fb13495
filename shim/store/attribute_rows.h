// AttributeRows: entries of the index of attributes that begin and end in one batch, so that they
// are written by two statements.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/types.h"

namespace kubase::store {

// One thread, inside one write transaction. What is ended is written before what is added: of an
// object that changes again, Flush has to come between.
class AttributeRows {
 public:
  // Whether there are rows of the object with this key.
  bool Has(std::string_view key) const { return keys_.contains(std::string(key)); }
  // The object with the key, whose name within its kind is `object_name`, has no more or has now
  // the attribute of that number with this value.
  void End(const std::string& key, std::string_view object_name, int64_t attribute,
           std::string value, Revision revision);
  void Add(const std::string& key, std::string_view object_name, int64_t object, int64_t attribute,
           std::string value, Revision since);
  // Errors: those of the database.
  Result<void> Flush(sql::Connection& connection);

 private:
  // Kept where it is until Flush.
  std::string_view Keep(std::string text) { return texts_.emplace_back(std::move(text)); }

  std::deque<std::string> texts_;
  std::unordered_set<std::string> keys_;
  std::vector<sql::Value> ended_;
  std::vector<sql::Value> added_;
};

}  // namespace kubase::store
