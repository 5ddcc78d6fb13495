// Big-endian integers, and arrays of one dimension (PostgreSQL array_recv, int8recv).
#include "shim/sql/postgres_value.h"

#include <endian.h>

namespace kubase::sql {
namespace {

// catalog/pg_type.dat
constexpr uint32_t kBytea = 17, kBigint = 20, kByteaArray = 1001, kBigintArray = 1016;

void Append32(std::string& to, uint32_t number) {
  const uint32_t big = htobe32(number);
  to.append(reinterpret_cast<const char*>(&big), sizeof(big));
}

void Append64(std::string& to, int64_t number) {
  const uint64_t big = htobe64(static_cast<uint64_t>(number));
  to.append(reinterpret_cast<const char*>(&big), sizeof(big));
}

}  // namespace

PostgresValue::PostgresValue(const Value& value) : type_(value.is_bytes() ? kBytea : kBigint) {
  if (value.is_bytes()) {
    // libpq takes a null pointer for NULL.
    bytes_ = value.bytes().data() == nullptr ? std::string_view("") : value.bytes();
  } else {
    Append64(owned_, value.number());
  }
}

PostgresValue::PostgresValue(Params rows, size_t columns, size_t column)
    : type_(rows[column].is_bytes() ? kByteaArray : kBigintArray) {
  const bool bytes = type_ == kByteaArray;
  Append32(owned_, 1);  // dimensions
  Append32(owned_, 0);  // no NULLs
  Append32(owned_, bytes ? kBytea : kBigint);
  Append32(owned_, static_cast<uint32_t>(rows.size() / columns));
  Append32(owned_, 1);  // the first index
  for (size_t i = column; i < rows.size(); i += columns) {
    if (bytes) {
      Append32(owned_, static_cast<uint32_t>(rows[i].bytes().size()));
      owned_ += rows[i].bytes();
    } else {
      Append32(owned_, sizeof(int64_t));
      Append64(owned_, rows[i].number());
    }
  }
}

int64_t ParsePostgresInt(std::string_view bytes) {
  int64_t number = bytes.empty() ? 0 : static_cast<signed char>(bytes.front());
  for (size_t i = 1; i < bytes.size(); ++i) {
    number = static_cast<int64_t>(static_cast<uint64_t>(number) << 8 |
                                  static_cast<unsigned char>(bytes[i]));
  }
  return number;
}

}  // namespace kubase::sql
