#include "shim/store/step_size.h"

#include <catch2/catch.hpp>

namespace kubase::store {
namespace {

using std::chrono::milliseconds;

TEST_CASE("StepSize: it grows to what fits, by a factor of two at most") {
  StepSize size(milliseconds(2), 8, 4096);
  CHECK(size.rows() == 8);
  size.Note(milliseconds(0));
  CHECK(size.rows() == 16);
  for (int i = 0; i < 20; ++i) size.Note(milliseconds(1));
  CHECK(size.rows() == 4096);
}

TEST_CASE("StepSize: one slow step brings it down at once, but never to nothing") {
  StepSize size(milliseconds(2), 8, 4096);
  for (int i = 0; i < 20; ++i) size.Note(milliseconds(1));
  size.Note(milliseconds(40));
  CHECK(size.rows() == 204);
  size.Note(std::chrono::seconds(3600));
  CHECK(size.rows() == 8);
}

TEST_CASE("StepSize: it stays where it fits") {
  StepSize size(milliseconds(2), 100, 4096);
  size.Note(milliseconds(2));
  CHECK(size.rows() == 100);
}

}  // namespace
}  // namespace kubase::store
