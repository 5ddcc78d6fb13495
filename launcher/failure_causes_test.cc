// Lines as the components print them.
#include "launcher/failure_causes.h"

#include <catch2/catch.hpp>

namespace kubase::launcher {
namespace {

TEST_CASE("FindLikelyCause: a port in use names the flag") {
  const auto found = FindLikelyCause(
      {"I1121 10:00:00.000000       1 options.go:1] external host was not specified",
       "E1121 10:00:00.000000       1 run.go:72] \"command failed\" err=\"failed to create "
       "listener: failed to listen on 127.0.0.1:6443: listen tcp 127.0.0.1:6443: bind: address "
       "already in use\""});
  REQUIRE(found.has_value());
  CHECK(found->cause == "the address is already in use");
  CHECK(found->fix.find("--secure-port") != std::string::npos);
}

TEST_CASE("FindLikelyCause: the newest telling line decides") {
  const auto found = FindLikelyCause(
      {"open /x: permission denied", "write /y: no space left on device", "shutting down"});
  REQUIRE(found.has_value());
  CHECK(found->cause == "the disk is full");
}

TEST_CASE("FindLikelyCause: the more exact row wins within a line") {
  const auto found = FindLikelyCause({"listen tcp :443: bind: permission denied"});
  REQUIRE(found.has_value());
  CHECK(found->cause == "ports below 1024 are for root");
}

TEST_CASE("FindLikelyCause: nothing is guessed") {
  CHECK_FALSE(FindLikelyCause({}).has_value());
  CHECK_FALSE(FindLikelyCause({"all is well"}).has_value());
}

}  // namespace
}  // namespace kubase::launcher
