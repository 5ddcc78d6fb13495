#include "shim/base/process_identity.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>

namespace kubase {
namespace {

TEST_CASE("ProcessIdentity: one that runs has not ended, also when it is stopped") {
  CHECK_FALSE(HasEnded(OwnProcessIdentity()));
  CHECK(OwnProcessIdentity() == OwnProcessIdentity());
}

TEST_CASE("ProcessIdentity: one that was killed has ended, as has a later one of its number") {
  std::array<int, 2> pipe_ends{};
  REQUIRE(::pipe(pipe_ends.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const std::string identity = OwnProcessIdentity();
    const bool told = ::write(pipe_ends[1], identity.data(), identity.size()) > 0;
    while (told) ::pause();
    ::_exit(1);
  }
  std::array<char, 512> buffer{};
  const ssize_t size = ::read(pipe_ends[0], buffer.data(), buffer.size());
  REQUIRE(size > 0);
  const std::string identity(buffer.data(), static_cast<size_t>(size));
  CHECK_FALSE(HasEnded(identity));
  REQUIRE(::kill(child, SIGSTOP) == 0);
  CHECK_FALSE(HasEnded(identity));
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(HasEnded(identity));
  std::string other_start = OwnProcessIdentity();
  other_start.back() = other_start.back() == '1' ? '2' : '1';
  CHECK(HasEnded(other_start));
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

TEST_CASE("ProcessIdentity: of what cannot be seen from here nothing is certain") {
  CHECK_FALSE(HasEnded(""));
  CHECK_FALSE(HasEnded("gone"));
  CHECK_FALSE(HasEnded("a b"));
  const std::string own = OwnProcessIdentity();
  CHECK_FALSE(HasEnded("f" + own + "9"));            // another boot
  CHECK_FALSE(HasEnded(own.substr(own.find(' '))));  // another namespace
}

TEST_CASE("ProcessIdentity: tells another boot, not another container") {
  const std::string own = OwnProcessIdentity();
  CHECK_FALSE(IsOfAnotherBoot(own));
  CHECK_FALSE(IsOfAnotherBoot(own.substr(0, own.find(' ')) + " pid:[1] 7 9"));
  CHECK(IsOfAnotherBoot("f" + own));
  CHECK_FALSE(IsOfAnotherBoot(""));
  CHECK_FALSE(IsOfAnotherBoot(own.substr(own.find(' '))));  // it could not be told there
}

}  // namespace
}  // namespace kubase
