// PostgresValue: a parameter of a statement in PostgreSQL's binary form. Private to the sql room.
#pragma once

#include <cstdint>
#include <string>

#include "shim/sql/database.h"

namespace kubase::sql {

class PostgresValue {
 public:
  // Bytes are referred to, not copied.
  explicit PostgresValue(const Value& value);
  // Column `column` of rows of `columns` values each, as an array: of bytea or bigint, as the first
  // row has it.
  PostgresValue(Params rows, size_t columns, size_t column);

  uint32_t type() const { return type_; }  // the OID, the same in every database
  const char* data() const { return owned_.empty() ? bytes_.data() : owned_.data(); }
  int size() const { return static_cast<int>(owned_.empty() ? bytes_.size() : owned_.size()); }

 private:
  uint32_t type_;
  std::string owned_;
  std::string_view bytes_;
};

// A number in binary form, of any of PostgreSQL's integer types or a boolean.
int64_t ParsePostgresInt(std::string_view bytes);

}  // namespace kubase::sql
