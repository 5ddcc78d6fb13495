#include "shim/base/log_pacer.h"

#include <catch2/catch.hpp>

namespace kubase {
namespace {

TEST_CASE("LogPacer: the first is logged, and then one a minute with the number of the others") {
  ManualClock clock;
  LogPacer pacer(clock);
  CHECK(pacer.Note(ErrorCode::kUnavailable) == 0);
  for (int i = 0; i < 5; ++i) CHECK(pacer.Note(ErrorCode::kUnavailable) == std::nullopt);
  clock.Advance(LogPacer::kPause - std::chrono::seconds(1));
  CHECK(pacer.Note(ErrorCode::kUnavailable) == std::nullopt);
  clock.Advance(std::chrono::seconds(1));
  CHECK(pacer.Note(ErrorCode::kUnavailable) == 6);
  CHECK(pacer.Note(ErrorCode::kUnavailable) == std::nullopt);
}

TEST_CASE("LogPacer: what comes again after its end is logged") {
  ManualClock clock;
  LogPacer pacer(clock);
  CHECK(pacer.Note(ErrorCode::kUnavailable) == 0);
  CHECK(pacer.Note(ErrorCode::kUnavailable) == std::nullopt);
  pacer.Reset();
  CHECK(pacer.Note(ErrorCode::kUnavailable) == 0);
}

TEST_CASE("LogPacer: another cause is logged at once") {
  ManualClock clock;
  LogPacer pacer(clock);
  CHECK(pacer.Note(ErrorCode::kUnavailable) == 0);
  CHECK(pacer.Note(ErrorCode::kCorrupt) == 0);
  CHECK(pacer.Note(ErrorCode::kCorrupt) == std::nullopt);
}

}  // namespace
}  // namespace kubase
