#include "web/format.h"

#include <catch2/catch.hpp>
#include <limits>

namespace kubase::web {
namespace {

using std::chrono::seconds;

TEST_CASE("Format: bytes have a unit and at most three digits before it changes") {
  CHECK(FormatBytes(-1) == "0 B");
  CHECK(FormatBytes(0) == "0 B");
  CHECK(FormatBytes(1023) == "1023 B");
  CHECK(FormatBytes(1024) == "1.0 KiB");
  CHECK(FormatBytes(1536) == "1.5 KiB");
  CHECK(FormatBytes(10 * 1024) == "10 KiB");
  CHECK(FormatBytes(1024 * 1024 - 1) == "1.0 MiB");
  CHECK(FormatBytes(187LL * 1024 * 1024) == "187 MiB");
  CHECK(FormatBytes(5LL << 40) == "5.0 TiB");
  CHECK(FormatBytes(std::numeric_limits<int64_t>::max()) == "8192 PiB");
}

TEST_CASE("Format: durations show the two largest units that are not zero") {
  CHECK(FormatDuration(seconds(-5)) == "0 s");
  CHECK(FormatDuration(seconds(0)) == "0 s");
  CHECK(FormatDuration(seconds(59)) == "59 s");
  CHECK(FormatDuration(seconds(60)) == "1 min");
  CHECK(FormatDuration(seconds(185)) == "3 min 5 s");
  CHECK(FormatDuration(seconds(7200)) == "2 h");
  CHECK(FormatDuration(seconds(7200 + 59)) == "2 h");
  CHECK(FormatDuration(seconds(7200 + 60)) == "2 h 1 min");
  CHECK(FormatDuration(seconds(41 * 86400 + 3 * 3600 + 7)) == "41 d 3 h");
}

TEST_CASE("Format: counts are grouped by thousands") {
  CHECK(FormatCount(0) == "0");
  CHECK(FormatCount(999) == "999");
  CHECK(FormatCount(1000) == "1,000");
  CHECK(FormatCount(-1234567) == "-1,234,567");
  CHECK(FormatCount(std::numeric_limits<int64_t>::min()) == "-9,223,372,036,854,775,808");
}

TEST_CASE("Format: rates keep a decimal only where it tells something") {
  CHECK(FormatRate(0) == "0");
  CHECK(FormatRate(0.04) == "0");
  CHECK(FormatRate(0.44) == "0.4");
  CHECK(FormatRate(9.96) == "10");
  CHECK(FormatRate(1204.4) == "1,204");
  CHECK(FormatRate(std::numeric_limits<double>::infinity()) == "0");
  CHECK(FormatRate(std::numeric_limits<double>::quiet_NaN()) == "0");
}

TEST_CASE("Format: times are in UTC") {
  const WallTime time{std::chrono::seconds(1795255205)};
  CHECK(FormatDate(time) == "2026-11-21");
  CHECK(FormatTime(time) == "2026-11-21 10:00:05 UTC");
}

TEST_CASE("Format: the noun follows the number") {
  CHECK(Plural(1, "watcher", "watchers") == "1 watcher");
  CHECK(Plural(0, "watcher", "watchers") == "0 watchers");
  CHECK(Plural(1204, "watcher", "watchers") == "1,204 watchers");
}

}  // namespace
}  // namespace kubase::web
