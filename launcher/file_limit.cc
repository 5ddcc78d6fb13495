// setrlimit(2): the soft limit may always go up to the hard one.
#include "launcher/file_limit.h"

#include <sys/resource.h>

namespace kubase::launcher {

void RaiseFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  // Refused only where a sandbox forbids it; the old limit stays then.
  [[maybe_unused]] const int outcome = ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace kubase::launcher
