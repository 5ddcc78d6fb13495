// Comparing the index of attributes with the objects, and making it anew where it differs.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/database.h"

namespace kubase::store {

struct AttributeReport {
  int64_t objects = 0;
  int64_t entries = 0;     // that the objects have to have
  int64_t kinds = 0;       // that are indexed
  int64_t unfinished = 0;  // kinds whose index a running server still fills
  int64_t faults = 0;
  std::vector<std::string> told;    // a sentence for each of the first faults
  std::set<std::string> to_repair;  // prefixes of the kinds with faults
};

// Compares every object with the entries that hold for it now, in one snapshot; those of past
// revisions are not looked at. Reads everything once, in bounded memory. Errors: those of the
// database.
Result<AttributeReport> CheckAttributes(sql::Connection& connection);

// Makes the index of these kinds anew, from the objects, in many short transactions. A server that
// starts before the end goes on with it. `connection`: writes, and nobody else does. Errors: those
// of the database.
Result<void> RepairAttributes(sql::Connection& connection, const std::set<std::string>& prefixes);

}  // namespace kubase::store
