// Signs of life of a real store whose threads are held up.
#include "launcher/storage.h"

#include <catch2/catch.hpp>
#include <future>

#include "launcher/storage_roles.h"
#include "launcher/test_directory.h"
#include "launcher/test_storage.h"

namespace kubase::launcher {
namespace {

struct StorageFixture {
  TestDirectory directory;
  SystemClock clock;
  std::unique_ptr<Log> log = LogTo([](LogLevel, const std::string&) {});
  prometheus::Registry registry;
  std::unique_ptr<Storage> storage =
      OpenTestStorage(directory.path() / "db" / "x.db", registry, clock, *log);
};

TEST_CASE("Storage: is alive as long as its writer answers, and a sign of life writes nothing") {
  StorageFixture fixture;
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
  CHECK(silent.error().message == "the writer of the database did not answer within 25 ms");
  release.set_value();
  CHECK(fixture.storage->CheckAlive(std::chrono::seconds(20)).ok());
}

TEST_CASE("Storage: a store that takes no work gives no sign of life") {
  StorageFixture fixture;
  static_cast<store::SqlStore&>(fixture.storage->store()).Stop();
  const auto silent = fixture.storage->CheckAlive(std::chrono::seconds(20));
  REQUIRE_FALSE(silent.ok());
  CHECK(silent.error().code == ErrorCode::kOverloaded);
}

TEST_CASE("Storage: leads a database of its own from the start to the end") {
  StorageFixture fixture;
  CHECK(fixture.storage->role().role == Storage::Role::kLeads);
  fixture.storage->Stop();
  CHECK(fixture.storage->role().role == Storage::Role::kWaits);
  const auto gone = fixture.storage->ReadStatus(std::chrono::seconds(20));
  REQUIRE_FALSE(gone.ok());
  CHECK(gone.error().code == ErrorCode::kLeaderChanged);
  CHECK(fixture.storage->CountKinds().empty());
  CHECK(fixture.storage->CheckAlive(std::chrono::seconds(20)).ok());
}

TEST_CASE("Storage: what cannot be served ends the start, with its cause") {
  StorageFixture fixture;
  StorageRoles roles = NoRoles();
  roles.lead = [](store::Store&, int64_t) -> Result<void> {
    return Error{ErrorCode::kInternal, "no server"};
  };
  int waits = 0;
  roles.wait = [&] { ++waits; };
  const auto failed =
      Storage::Open({.endpoint = {fixture.directory.path() / "other.db", ""}}, std::move(roles),
                    fixture.registry, fixture.clock, *fixture.log);
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().message == "no server");
  CHECK(waits > 0);
}

TEST_CASE("AdvertisedAddress: where others find who listens everywhere") {
  CHECK(AdvertisedAddress("127.0.0.1:2379") == "127.0.0.1:2379");
  CHECK(AdvertisedAddress("unix:///run/x.sock") == "unix:///run/x.sock");
  for (const char* every : {"0.0.0.0:2379", "[::]:2379"}) {
    const std::string found = AdvertisedAddress(every);
    CHECK(found.ends_with(":2379"));
    CHECK_FALSE(found.starts_with("0.0.0.0"));
    CHECK_FALSE(found.starts_with("["));
  }
}

}  // namespace
}  // namespace kubase::launcher
