// The doubling itself; see the header.
#include "launcher/restart_policy.h"

#include <algorithm>

namespace kubase::launcher {

std::chrono::milliseconds RestartPolicy::NextWait(std::chrono::nanoseconds ran_for) {
  const bool is_first = last_wait_.count() == 0 || ran_for >= options_.stable_after;
  last_wait_ = is_first ? options_.first_wait : std::min(last_wait_ * 2, options_.longest_wait);
  return last_wait_;
}

}  // namespace kubase::launcher
