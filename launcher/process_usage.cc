// The same fields of proc(5) as the metrics of kubase itself.
#include "launcher/process_usage.h"

#include <unistd.h>

#include <fstream>
#include <string>

#include "web/metrics.h"

namespace kubase::launcher {

ProcessUsage ReadProcessUsage(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return {};
  const auto stat = web::ParseProcStat(line);
  if (!stat.ok()) return {};
  return {stat->resident_pages * ::sysconf(_SC_PAGESIZE),
          static_cast<double>(stat->cpu_ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK))};
}

}  // namespace kubase::launcher
