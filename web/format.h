// Numbers as people read them. Pure functions, the same on the page and on the command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "shim/base/clock.h"

namespace kubase::web {

// "0 B", "999 B", "1.5 KiB", "12 MiB": three digits at most before the unit's step of 1024.
std::string FormatBytes(int64_t bytes);

// The two largest units: "0 s", "59 s", "3 min 5 s", "2 h", "41 d 3 h". Negative counts as zero.
std::string FormatDuration(std::chrono::seconds duration);

// "1,234,567"
std::string FormatCount(int64_t count);

// Per second: "0", "0.4", "12", "1,204". One decimal below ten.
std::string FormatRate(double per_second);

// "2027-11-21", in UTC.
std::string FormatDate(WallTime time);

// "2027-11-21 10:00:05 UTC"
std::string FormatTime(WallTime time);

// "1 watcher", "2 watchers", "1,204 watchers".
std::string Plural(int64_t count, const std::string& singular, const std::string& plural);

}  // namespace kubase::web
