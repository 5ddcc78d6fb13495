#include "shim/store/step_size.h"

#include <catch2/catch.hpp>

namespace kubase::store {
namespace {

using std::chrono::microseconds;
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
  StepSize size(milliseconds(2), 8, 4096);
  while (size.rows() < 100) size.Note(milliseconds(1));
  const int64_t rows = size.rows();
  size.Note(milliseconds(2));
  CHECK(size.rows() == rows);
}

// As a step of so many rows takes that commits in `fixed`.
void Work(StepSize& size, microseconds fixed, int steps) {
  for (int i = 0; i < steps; ++i) size.Note(fixed + size.rows() * microseconds(20));
}

TEST_CASE("StepSize: where a commit alone takes the target, the rows are worth the commit") {
  StepSize size(milliseconds(2), 8, 4096);
  Work(size, milliseconds(22), 50);
  CHECK(size.rows() > 800);
  CHECK(size.rows() < 1600);
}

TEST_CASE("StepSize: it follows when commits become slow, or fast again") {
  StepSize size(milliseconds(2), 8, 4096);
  Work(size, microseconds(200), 50);
  const int64_t fast = size.rows();
  CHECK(fast > 60);
  CHECK(fast < 120);
  Work(size, milliseconds(30), 50);
  CHECK(size.rows() > 1000);
  Work(size, microseconds(200), 50);
  CHECK(size.rows() < 120);
  size.Note(std::chrono::seconds(5));  // once
  Work(size, microseconds(200), 50);
  CHECK(size.rows() < 120);
}

}  // namespace
}  // namespace kubase::store
