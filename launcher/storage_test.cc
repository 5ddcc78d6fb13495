// Signs of life of a real store whose threads are held up.
#include "launcher/storage.h"

#include <catch2/catch.hpp>
#include <future>

#include "launcher/test_directory.h"

namespace kubase::launcher {
namespace {

struct Fixture {
  TestDirectory directory;
  SystemClock clock;
  std::unique_ptr<Log> log = LogTo([](LogLevel, const std::string&) {});
  prometheus::Registry registry;
  std::unique_ptr<Storage> storage = Open();

  std::unique_ptr<Storage> Open() {
    auto opened =
        Storage::Open({.endpoint = {directory.path() / "db" / "x.db", ""}}, registry, clock, *log);
    REQUIRE(opened.ok());
    return std::move(opened).value();
  }
};

TEST_CASE("Storage: is alive as long as its writer answers, and a sign of life writes nothing") {
  Fixture fixture;
  CHECK(fixture.storage->CheckAlive(std::chrono::seconds(20)).ok());
  CHECK(fixture.storage->store().current_revision() == 1);

  std::promise<void> blocked;
  std::promise<void> release;
  fixture.storage->store().Txn({}, [&](const Result<store::TxnResponse>&) {
    blocked.set_value();
    release.get_future().wait();  // on the writer's thread
  });
  blocked.get_future().wait();
  const auto silent = fixture.storage->CheckAlive(std::chrono::milliseconds(50));
  REQUIRE_FALSE(silent.ok());
  CHECK(silent.error().message == "the writer of the database did not answer within 50 ms");
  release.set_value();
  CHECK(fixture.storage->CheckAlive(std::chrono::seconds(20)).ok());
}

TEST_CASE("Storage: a store that takes no work gives no sign of life") {
  Fixture fixture;
  fixture.storage->Stop();
  const auto silent = fixture.storage->CheckAlive(std::chrono::seconds(20));
  REQUIRE_FALSE(silent.ok());
  CHECK(silent.error().code == ErrorCode::kOverloaded);
}

}  // namespace
}  // namespace kubase::launcher
