// Comparing the index of owners with the objects, and mending it where it differs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shim/base/result.h"
#include "shim/sql/database.h"

namespace kubase::store {

struct OwnerReport {
  int64_t references = 0;  // to owners that the objects have
  int64_t faults = 0;
  std::vector<std::string> told;  // a sentence for each of the first faults
};

// Looks up each reference of an object, and the object of each row, in one snapshot and in bounded
// memory. Errors: those of the database.
Result<OwnerReport> CheckOwners(sql::Connection& connection);

// Deletes the rows that no object has and adds those that are missing, in many short transactions.
// `connection`: writes, and nobody else does. Errors: those of the database.
Result<void> RepairOwners(sql::Connection& connection);

}  // namespace kubase::store
