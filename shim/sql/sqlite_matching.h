// The SQLite text of a search by attributes.
#pragma once

#include <string>

#include "shim/sql/matching.h"

namespace kubase::sql {

std::string SqliteMatchText(const MatchShape& shape);

}  // namespace kubase::sql
