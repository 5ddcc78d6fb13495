#include "shim/base/result.h"

#include <catch2/catch.hpp>
#include <memory>

namespace kubase {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) return Error{ErrorCode::kInvalidArgument, "odd"};
  return n / 2;
}

Result<int> Quarter(int n) {
  KUBASE_ASSIGN_OR_RETURN(const int half, Half(n));
  KUBASE_TRY(Half(half));
  return Half(half);
}

TEST_CASE("Result: a value is carried, also when it can only be moved") {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  REQUIRE(result.ok());
  CHECK(*std::move(result).value() == 7);
}

TEST_CASE("Result: the macros return the first error and keep its code") {
  CHECK(*Quarter(8) == 2);
  CHECK(Quarter(7).error().code == ErrorCode::kInvalidArgument);
  CHECK(Quarter(6).error().message == "odd");
}

TEST_CASE("Result: context comes before the message") {
  const Error error = WithContext({ErrorCode::kNotFound, "no such file"}, "opening the database");
  CHECK(error.code == ErrorCode::kNotFound);
  CHECK(error.message == "opening the database: no such file");
}

}  // namespace
}  // namespace kubase
