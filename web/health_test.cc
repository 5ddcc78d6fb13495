#include "web/health.h"

#include <catch2/catch.hpp>

namespace kubase::web {
namespace {

const std::vector<Check> kGood = {{"ping", true, ""}, {"database", true, ""}};
const std::vector<Check> kBad = {{"ping", true, ""}, {"database", false, "disk\nfull"}};

TEST_CASE("Health: a success is the word ok, verbose one line per check") {
  CHECK(AnswerHealth({.endpoint = "readyz"}, kGood).text == "ok");
  const HealthAnswer verbose = AnswerHealth({.endpoint = "readyz", .verbose = true}, kGood);
  CHECK(verbose.ok);
  CHECK(verbose.text == "[+]ping ok\n[+]database ok\nreadyz check passed\n");
}

TEST_CASE("Health: a failure is verbose by itself and tells the problem in one line") {
  const HealthAnswer answer = AnswerHealth({.endpoint = "healthz"}, kBad);
  CHECK_FALSE(answer.ok);
  CHECK(answer.text == "[+]ping ok\n[-]database failed: disk full\nhealthz check failed\n");
}

TEST_CASE("Health: an excluded check does not count") {
  const HealthAnswer answer =
      AnswerHealth({.endpoint = "readyz", .verbose = true, .excluded = {"database"}}, kBad);
  CHECK(answer.ok);
  CHECK(answer.text == "[+]ping ok\n[+]database excluded: ok\nreadyz check passed\n");
}

TEST_CASE("Health: an unknown exclusion is warned about") {
  const HealthAnswer answer =
      AnswerHealth({.endpoint = "readyz", .verbose = true, .excluded = {"nonsense"}}, kGood);
  CHECK(answer.ok);
  CHECK(answer.text.find("no matches for \"nonsense\"") != std::string::npos);
}

}  // namespace
}  // namespace kubase::web
