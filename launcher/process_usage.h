// What a process uses, from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace kubase::launcher {

struct ProcessUsage {
  int64_t rss_bytes = 0;
  double cpu_seconds = 0;  // user and system, since its start
};

// All zero when there is no such process (any more).
ProcessUsage ReadProcessUsage(pid_t pid);

}  // namespace kubase::launcher
