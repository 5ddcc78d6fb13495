// Numbers as people read them.
#include "web/format.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <string_view>
#include <utility>

namespace kubase::web {
namespace {

std::tm UtcParts(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return parts;
}

}  // namespace

std::string FormatBytes(int64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", std::max<int64_t>(bytes, 0));
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  // 1023.5 would be printed as 1024 of this unit instead of 1 of the next.
  while (value >= 1023.5 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, kUnits[unit]);
}

std::string FormatDuration(std::chrono::seconds duration) {
  static constexpr std::array<std::pair<int64_t, std::string_view>, 4> kUnits = {
      {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}};
  const int64_t total = std::max<int64_t>(duration.count(), 0);
  for (size_t i = 0; i + 1 < kUnits.size(); ++i) {
    const auto& [seconds, name] = kUnits[i];
    if (total < seconds) continue;
    const int64_t rest = total % seconds / kUnits[i + 1].first;
    if (rest == 0) return fmt::format("{} {}", total / seconds, name);
    return fmt::format("{} {} {} {}", total / seconds, name, rest, kUnits[i + 1].second);
  }
  return fmt::format("{} s", total);
}

std::string FormatCount(int64_t count) {
  const bool negative = count < 0;
  std::string digits = std::to_string(count).substr(negative ? 1 : 0);
  for (size_t place = digits.size(); place > 3;) {
    place -= 3;
    digits.insert(place, ",");
  }
  return negative ? "-" + digits : digits;
}

std::string FormatRate(double per_second) {
  if (!std::isfinite(per_second) || per_second < 0.05) return "0";
  if (per_second < 9.95) return fmt::format("{:.1f}", per_second);
  return FormatCount(std::llround(per_second));
}

std::string FormatDate(WallTime time) {
  return fmt::format("{:%Y-%m-%d}", UtcParts(time));
}

std::string FormatTime(WallTime time) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", UtcParts(time));
}

std::string Plural(int64_t count, const std::string& singular, const std::string& plural) {
  return FormatCount(count) + " " + (count == 1 ? singular : plural);
}

}  // namespace kubase::web
