// Go's time.Parse takes a little more than RFC 3339 allows, but nothing of that is ever written.
#include "shim/collect/timestamp.h"

#include <fmt/format.h>

#include <chrono>

namespace kubase::collect {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr int64_t kFirst = -62'135'596'800;  // the year 1
constexpr int64_t kEnd = 253'402'300'800;    // the year 10000
constexpr int64_t kSecondsPerDay = 86'400;
constexpr std::string_view kForm = "0000-00-00T00:00:00";  // '0' is any digit

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool HasForm(std::string_view text, std::string_view form) {
  if (text.size() < form.size()) return false;
  for (size_t i = 0; i < form.size(); ++i) {
    if (form[i] == '0' ? !IsDigit(text[i]) : text[i] != form[i]) return false;
  }
  return true;
}

int NumberAt(std::string_view text, size_t at, size_t digits) {
  int number = 0;
  for (const char c : text.substr(at, digits)) number = 10 * number + (c - '0');
  return number;
}

std::optional<int64_t> SecondsOf(std::string_view text) {
  const std::chrono::year_month_day date(std::chrono::year(NumberAt(text, 0, 4)),
                                         std::chrono::month(NumberAt(text, 5, 2)),
                                         std::chrono::day(NumberAt(text, 8, 2)));
  const int hour = NumberAt(text, 11, 2);
  const int minute = NumberAt(text, 14, 2);
  const int second = NumberAt(text, 17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const int64_t day = sys_days(date).time_since_epoch().count();
  return day * kSecondsPerDay + 3600 * hour + 60 * minute + second;
}

// What the clocks there are ahead of UTC.
std::optional<int64_t> SecondsOfZone(std::string_view zone) {
  if (zone == "Z") return 0;
  if (zone.size() != 6 || !(HasForm(zone, "+00:00") || HasForm(zone, "-00:00"))) {
    return std::nullopt;
  }
  const int hours = NumberAt(zone, 1, 2);
  const int minutes = NumberAt(zone, 4, 2);
  if (hours > 23 || minutes > 59) return std::nullopt;
  const int64_t seconds = 3600 * hours + 60 * minutes;
  return zone[0] == '-' ? -seconds : seconds;
}

}  // namespace

bool IsTimestamp(int64_t seconds) {
  return seconds > kFirst && seconds < kEnd;
}

std::optional<int64_t> ParseTimestamp(std::string_view text) {
  if (!HasForm(text, kForm)) return std::nullopt;
  std::string_view zone = text.substr(kForm.size());
  if (HasForm(zone, ".0")) {
    size_t digits = 1;
    while (digits < zone.size() && IsDigit(zone[digits])) ++digits;
    zone.remove_prefix(digits);
  }
  const std::optional<int64_t> there = SecondsOf(text);
  const std::optional<int64_t> ahead = SecondsOfZone(zone);
  if (!there || !ahead || !IsTimestamp(*there - *ahead)) return std::nullopt;
  return *there - *ahead;
}

std::optional<std::string> TimestampText(int64_t seconds) {
  if (!IsTimestamp(seconds)) return std::nullopt;
  const auto time = std::chrono::sys_seconds(std::chrono::seconds(seconds));
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace kubase::collect
