#include "shim/base/failpoint.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace kubase {
namespace {

// The signal that ended a child which armed `spec` and reached the failpoint `times` times; 0:
// none.
int RunChild(const char* spec, int times) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (!ArmFailpoints(spec).ok()) ::_exit(1);
    for (int i = 0; i < times; ++i) Reach(Failpoint::kWriterCommitted);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_CASE("Failpoint: the process dies when it is reached for the given time") {
  CHECK(RunChild("writer.committed=crash", 1) == SIGKILL);
  CHECK(RunChild("writer.taken=crash,writer.committed=crash@3", 2) == 0);
  CHECK(RunChild("writer.taken=crash,writer.committed=crash@3", 3) == SIGKILL);
}

TEST_CASE("Failpoint: a specification that cannot be read names what there is") {
  for (const char* spec :
       {"nonsense=crash", "writer.taken", "writer.taken=", "writer.taken=crash@0",
        "writer.taken=crash@x", "writer.taken=explode"}) {
    const auto armed = ArmFailpoints(spec);
    REQUIRE(!armed.ok());
    CHECK(armed.error().code == ErrorCode::kInvalidArgument);
    CHECK(armed.error().message.find("writer.meta-written") != std::string::npos);
  }
}

}  // namespace
}  // namespace kubase
