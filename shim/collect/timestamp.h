// Times as they stand in objects: RFC 3339 in JSON, seconds since 1970 in protobuf.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kubase::collect {

// Whether Kubernetes can write it: from the years 1 to 9999, but not their first second, which is
// Go's time for "none".
bool IsTimestamp(int64_t seconds);

// Rounded down, as metav1.Time does. Null: not in the form of RFC 3339, or not a timestamp.
std::optional<int64_t> ParseTimestamp(std::string_view text);

// "2026-01-02T03:04:05Z". Null: not a timestamp.
std::optional<std::string> TimestampText(int64_t seconds);

}  // namespace kubase::collect
