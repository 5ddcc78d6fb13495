#include "shim/base/executor.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>

namespace kubase {
namespace {

TEST_CASE("Executor: accepted work runs even when it is stopped at once") {
  std::atomic<int> ran{0};
  {
    Executor executor({.name = "test", .threads = 2, .queue_max = 100});
    for (int i = 0; i < 100; ++i) REQUIRE(executor.Post([&ran] { ++ran; }));
  }
  CHECK(ran == 100);
}

TEST_CASE("Executor: a full queue refuses, and takes work again when it has room") {
  Executor executor({.name = "test", .threads = 1, .queue_max = 1});
  std::promise<void> started, release, queued_ran;
  REQUIRE(executor.Post([&] {
    started.set_value();
    release.get_future().wait();
  }));
  started.get_future().wait();
  REQUIRE(executor.Post([&] { queued_ran.set_value(); }));
  CHECK_FALSE(executor.Post([] {}));
  release.set_value();
  queued_ran.get_future().wait();
  std::promise<void> again;
  REQUIRE(executor.Post([&] { again.set_value(); }));
  again.get_future().wait();
}

TEST_CASE("Executor: refuses work after Stop") {
  Executor executor({.name = "test", .threads = 1, .queue_max = 1});
  executor.Stop();
  CHECK_FALSE(executor.Post([] {}));
}

}  // namespace
}  // namespace kubase
