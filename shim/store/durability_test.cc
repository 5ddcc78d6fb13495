// What survives a disk that fails and a power cut: every acknowledged write, and no half of one.
#include <prometheus/registry.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <future>
#include <map>
#include <random>
#include <thread>

#include "shim/sql/sqlite.h"
#include "shim/store/sql_store.h"
#include "tests/support/faulty_vfs.h"
#include "tests/support/temporary_directory.h"

namespace kubase::store {
namespace {

namespace fs = std::filesystem;
using testing::DiskCall;
using testing::DiskFault;
using testing::FaultyVfs;
using testing::TemporaryDirectory;

// Sanitizers make the disk, which is bytes in memory, ten times as slow.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kTurns = 100;
#else
constexpr int kTurns = 300;
#endif

using Content = std::map<std::string, std::string>;

// A transaction of some keys: a value puts, none deletes.
using Changes = std::map<std::string, std::optional<std::string>>;

class Running {
 public:
  explicit Running(const fs::path& directory)
      : log_(LogTo([](LogLevel, const std::string&) {})),
        database_(Must(sql::OpenSqlite({.path = (directory / "a.db").string()}))),
        store_(Must(SqlStore::Open({}, *database_, registry_, clock_, *log_))) {}

  std::future<Result<TxnResponse>> Submit(const Changes& changes) {
    TxnRequest txn;
    for (const auto& [key, value] : changes) {
      if (value) {
        txn.success.push_back({PutRequest{.key = key, .value = *value}});
      } else {
        txn.success.push_back({DeleteRangeRequest{.range = {key, ""}}});
      }
    }
    auto promise = std::make_shared<std::promise<Result<TxnResponse>>>();  // std::function copies
    store_->Txn(std::move(txn), [promise](Result<TxnResponse> response) {
      promise->set_value(std::move(response));
    });
    return promise->get_future();
  }
  void Compact(Revision revision) {
    store_->Compact(revision, false, [](const Result<Revision>&) {});
  }
  Content Read() {
    std::promise<Result<RangeResponse>> promise;
    store_->Range({.range = {std::string(1, '\0'), std::string(1, '\0')}},
                  [&](Result<RangeResponse> response) { promise.set_value(std::move(response)); });
    const auto response = promise.get_future().get();
    if (!response.ok()) FAIL(response.error().message);
    Content content;
    for (const auto& kv : response->kvs) content[kv->key] = kv->value;
    return content;
  }
  Revision revision() const { return store_->current_revision(); }

 private:
  template <typename T>
  static T Must(Result<T> result) {
    if (!result.ok()) FAIL(result.error().message);
    return std::move(result).value();
  }

  prometheus::Registry registry_;
  SystemClock clock_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<SqlStore> store_;
};

// What acknowledged transactions add up to.
class Model {
 public:
  void Acknowledge(Revision revision, const Changes& changes) { log_[revision] = changes; }
  Content At(Revision revision) const {
    Content content;
    for (auto entry = log_.begin(); entry != log_.upper_bound(revision); ++entry) {
      for (const auto& [key, value] : entry->second) {
        value ? void(content[key] = *value) : void(content.erase(key));
      }
    }
    return content;
  }
  Revision newest() const { return log_.empty() ? 1 : log_.rbegin()->first; }

 private:
  std::map<Revision, Changes> log_;
};

// Always changes something: "turn" is put each time.
Changes RandomChanges(std::mt19937_64& random, int turn) {
  Changes changes{{"turn", std::to_string(turn)}};
  for (auto more = random() % 4; more > 0; --more) {
    const std::string key = "key" + std::to_string(random() % 40);
    changes[key].reset();
    if (random() % 4 != 0) changes[key] = std::string(random() % 3000, 'v') + std::to_string(turn);
  }
  return changes;
}

struct CrashImage {
  TemporaryDirectory directory;
  Revision acknowledged;
};

TEST_CASE("Durability: a power cut at any moment loses nothing acknowledged and halves nothing",
          "[sqlite]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  FaultyVfs disk;
  const TemporaryDirectory directory;
  Model model;
  std::vector<CrashImage> images;
  {
    Running running(directory.path());
    for (int turn = 0; turn < kTurns; ++turn) {
      std::vector<std::pair<Changes, std::future<Result<TxnResponse>>>> waiting;
      for (auto count = 1 + random() % 8; count > 0; --count) {
        const Changes changes = RandomChanges(random, turn);
        waiting.emplace_back(changes, running.Submit(changes));
      }
      if (turn % 20 == 19) running.Compact(running.revision() - 5);
      for (auto& [changes, future] : waiting) {
        // Taken while the others are under way, on the writer's thread.
        if (random() % 20 == 0) {
          images.push_back({TemporaryDirectory{}, model.newest()});
          const double survival = std::array{0.0, 0.2, 0.5, 0.9, 1.0}[random() % 5];
          disk.WriteCrashImage(directory.path(), images.back().directory.path(), survival, random);
        }
        const auto response = future.get();
        REQUIRE(response.ok());
        model.Acknowledge(response->revision, changes);
      }
    }
  }
  REQUIRE(images.size() > kTurns / 30);
  for (const CrashImage& image : images) {
    Running restarted(image.directory.path());
    const Revision revision = restarted.revision();
    CHECK(revision >= image.acknowledged);
    CHECK(restarted.Read() == model.At(revision));
  }
}

// Runs the same work with one fault in it; then, without a restart, and with one, everything must
// be as the answers said.
void RunWithFault(const DiskFault& fault, bool* met) {
  CAPTURE(static_cast<int>(fault.call), fault.nth, fault.code, fault.persistent);
  std::mt19937_64 random(static_cast<uint64_t>(fault.nth));
  FaultyVfs disk;
  const TemporaryDirectory directory, after;
  Model model;
  {
    Running running(directory.path());
    disk.Inject(fault);
    for (int turn = 0; turn < 40; ++turn) {
      const Changes changes = RandomChanges(random, turn);
      auto future = running.Submit(changes);
      // A lasting fault ends when something has been refused.
      while (fault.persistent &&
             future.wait_for(std::chrono::milliseconds(1)) == std::future_status::timeout) {
        if (disk.faults() > 3) disk.Heal();
      }
      const auto response = future.get();
      if (response.ok()) model.Acknowledge(response->revision, changes);
      if (turn % 10 == 9) running.Compact(running.revision() - 2);
    }
    *met = disk.faults() > 0;
    disk.Heal();
    const Changes last{{"last", "there"}};
    auto response = running.Submit(last).get();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    // The store may be between two attempts to settle.
    while (!response.ok() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
      response = running.Submit(last).get();
    }
    REQUIRE(response.ok());
    model.Acknowledge(response->revision, last);
    CHECK(running.Read() == model.At(model.newest()));
    CHECK(running.revision() == model.newest());
    disk.WriteCrashImage(directory.path(), after.path(), 0.0, random);
  }
  Running restarted(directory.path());
  CHECK(restarted.Read() == model.At(model.newest()));
  Running after_power_cut(after.path());
  CHECK(after_power_cut.Read() == model.At(model.newest()));
}

TEST_CASE("Durability: an error of the disk at any call neither acknowledges nor half-does a write",
          "[sqlite]") {
  const std::vector<DiskFault> kinds = {
      {.call = DiskCall::kWrite, .nth = 0, .code = SQLITE_IOERR_WRITE},
      {.call = DiskCall::kWrite, .nth = 0, .code = SQLITE_FULL},
      {.call = DiskCall::kSync, .nth = 0, .code = SQLITE_IOERR_FSYNC},
      {.call = DiskCall::kSync, .nth = 0, .code = SQLITE_IOERR_FSYNC, .persistent = true},
      {.call = DiskCall::kTruncate, .nth = 0, .code = SQLITE_IOERR_TRUNCATE},
      {.call = DiskCall::kRead, .nth = 0, .code = SQLITE_IOERR_READ},
  };
  for (DiskFault fault : kinds) {
    int64_t met_count = 0;
    bool met = true;
    // Every call at first, then wider steps, until the work ends before the fault is met.
    for (fault.nth = 1; met; fault.nth += 1 + fault.nth / 8) {
      RunWithFault(fault, &met);
      met_count += met ? 1 : 0;
    }
    CHECK((met_count > 0 || fault.call == DiskCall::kTruncate || fault.call == DiskCall::kRead));
  }
}

TEST_CASE("Durability: a restart does not build on a log that the disk has lost", "[sqlite]") {
  std::mt19937_64 random(1);
  FaultyVfs disk;
  const TemporaryDirectory first, second, third;
  {
    Running running(first.path());
    REQUIRE(running.Submit({{"a", "1"}}).get().ok());
    disk.Inject(
        {.call = DiskCall::kSync, .nth = 1, .code = SQLITE_IOERR_FSYNC, .persistent = true});
    auto refused = running.Submit({{"b", "2"}});
    while (disk.faults() == 0) std::this_thread::yield();
    disk.WriteKillImage(first.path(), second.path());
    disk.Heal();
    CHECK(!refused.get().ok());
  }
  Content expected;
  {
    Running running(second.path());
    REQUIRE(running.Submit({{"c", "3"}}).get().ok());
    expected = running.Read();
    CHECK(expected.count("a") + expected.count("c") == 2);
    disk.WriteCrashImage(second.path(), third.path(), 0.0, random);
  }
  Running running(third.path());
  CHECK(running.Read() == expected);
}

}  // namespace
}  // namespace kubase::store
