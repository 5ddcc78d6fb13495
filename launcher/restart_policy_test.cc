// The waits between restarts.
#include "launcher/restart_policy.h"

#include <catch2/catch.hpp>
#include <vector>

namespace kubase::launcher {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("RestartPolicy: the wait doubles up to its limit") {
  RestartPolicy policy({.first_wait = seconds(1), .longest_wait = seconds(30)});
  std::vector<int64_t> waits;
  for (int i = 0; i < 7; ++i) waits.push_back(policy.NextWait(seconds(2)).count());
  CHECK(waits == std::vector<int64_t>{1000, 2000, 4000, 8000, 16000, 30000, 30000});
}

TEST_CASE("RestartPolicy: a stable run starts the waits anew") {
  RestartPolicy policy({.first_wait = seconds(1), .stable_after = seconds(60)});
  CHECK(policy.NextWait(seconds(1)) == seconds(1));
  CHECK(policy.NextWait(seconds(59)) == seconds(2));
  CHECK(policy.NextWait(seconds(60)) == seconds(1));
  CHECK(policy.NextWait(milliseconds(1)) == seconds(2));
}

}  // namespace
}  // namespace kubase::launcher
