#include "launcher/host.h"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "launcher/test_directory.h"

namespace kubase::launcher {
namespace {

TEST_CASE("ReadHostUser: ids, host name and environment of this process") {
  REQUIRE(setenv("KUBASE_TEST_VARIABLE", "a=b", 1) == 0);
  const HostUser user = ReadHostUser();
  CHECK(user.uid == geteuid());
  CHECK_FALSE(user.host_name.empty());
  CHECK(user.Variable("KUBASE_TEST_VARIABLE") == "a=b");
  CHECK(user.Variable("KUBASE_TEST_UNSET").empty());
}

TEST_CASE("ReadHostUser: a sudo caller counts only for root, and only with sane ids") {
  const auto caller = [](const char* uid, const char* gid) {
    setenv("SUDO_UID", uid, 1);
    setenv("SUDO_GID", gid, 1);
    return ReadHostUser().sudo_caller;
  };
  const bool root = geteuid() == 0;
  CHECK(InChild([&] { return caller("1234", "99").has_value() == root ? 0 : 1; }) == 0);
  CHECK(InChild([&] { return caller("12x", "99").has_value() ? 1 : 0; }) == 0);
  CHECK(InChild([&] { return caller("0", "0").has_value() ? 1 : 0; }) == 0);
  CHECK(AsOrdinaryUser([&] { return caller("1234", "99").has_value() ? 1 : 0; }) == 0);
}

}  // namespace
}  // namespace kubase::launcher
