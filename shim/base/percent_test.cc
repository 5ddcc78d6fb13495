#include "shim/base/percent.h"

#include <catch2/catch.hpp>

namespace kubase {
namespace {

TEST_CASE("Percent: codes are decoded, and what is none stays") {
  CHECK(DecodePercent("a%2Fb%%20%zz%2%c3%BC") == "a/b% %zz%2\xc3\xbc");
  CHECK(DecodePercent("%41") == "A");
}

TEST_CASE("Percent: all but what is unreserved gets a code") {
  CHECK(EncodePercent("aZ0-._~/%@\xff") == "aZ0-._~%2F%25%40%FF");
}

}  // namespace
}  // namespace kubase
