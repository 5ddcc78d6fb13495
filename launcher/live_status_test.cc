// The status of the shim alone over a real database, and the rate of requests.
#include "launcher/live_status.h"

#include <prometheus/counter.h>

#include <catch2/catch.hpp>

#include "launcher/status_table.h"
#include "launcher/test_directory.h"
#include "launcher/test_storage.h"

namespace kubase::launcher {
namespace {

using std::chrono::seconds;

TEST_CASE("RateMeter: the rate over the last minute") {
  RateMeter meter;
  MonotonicTime now{};
  CHECK(meter.Update(now, 100) == 0);
  CHECK(meter.Update(now + seconds(10), 200) == Approx(10));
  CHECK(meter.Update(now + seconds(60), 200) == Approx(100.0 / 60));
  CHECK(meter.Update(now + seconds(70), 200) == Approx(0));
  CHECK(meter.Update(now + seconds(130), 800) == Approx(10));
}

TEST_CASE("LiveStatus: the shim alone has one check and counts its requests") {
  const TestDirectory directory;
  const SystemClock clock;
  const auto log = LogTo([](LogLevel, const std::string&) {});
  prometheus::Registry registry;
  const auto storage = OpenTestStorage(directory.path() / "x.db", registry, clock, *log);
  auto& handled =
      prometheus::BuildCounter().Name("grpc_server_handled_total").Help("h").Register(registry);
  handled.Add({{"grpc_code", "OK"}}).Increment(7);
  handled.Add({{"grpc_code", "Canceled"}}).Increment(2);
  handled.Add({{"grpc_code", "Unavailable"}}).Increment(3);

  LiveStatus status({.version = "1.2.3", .database_location = "sqlite://x.db"},
                    {*storage, registry}, clock);
  const web::ApplianceStatus read = status.ReadStatus();
  REQUIRE(read.checks.size() == 1);
  CHECK(read.checks[0].name == "store");
  CHECK(read.checks[0].ok);
  CHECK(read.traffic.requests_total == 12);
  CHECK(read.traffic.requests_failed_total == 3);
  REQUIRE(read.databases.size() == 1);
  CHECK(read.databases[0].reachable);
  CHECK(read.databases[0].revision == 1);
  CHECK(read.databases[0].engine.starts_with("SQLite 3."));
  const std::string table = RenderStatusTable(read, clock.WallNow());
  CHECK(table.starts_with("Healthy: "));
  CHECK(table.find("kubase 1.2.3") != std::string::npos);

  storage->Stop();
  const auto stopped = status.ReadChecks();
  CHECK_FALSE(stopped[0].ok);
  CHECK_FALSE(stopped[0].problem.empty());
}

TEST_CASE("LiveStatus: one that stands by is ready as long as the leader can be reached") {
  const Result<store::StoreStatus> none = Error{ErrorCode::kLeaderChanged, "this kubase stands by"};
  const Storage::RoleStatus follows{.role = Storage::Role::kFollows, .leader = "other:2379"};
  const auto reached = CheckStore(none, follows, [] { return Ok(); });
  CHECK(reached.ok);
  CHECK(reached.problem.empty());
  const auto lost = CheckStore(none, follows, []() -> Result<void> {
    return Error{ErrorCode::kUnavailable, "the kubase that leads cannot be reached"};
  });
  CHECK_FALSE(lost.ok);
  CHECK(lost.problem == "the kubase that leads cannot be reached");
  Storage::RoleStatus blind = follows;
  blind.problem = "the database is away";
  CHECK(CheckStore(none, blind, [] { return Ok(); }).problem == "the database is away");
}

TEST_CASE("LiveStatus: one that leads is not ready while its database does not answer") {
  const auto reach = []() -> Result<void> {
    return Error{ErrorCode::kInternal, "who leads follows nobody"};
  };
  const Storage::RoleStatus leads{.role = Storage::Role::kLeads};
  CHECK(CheckStore(store::StoreStatus{}, leads, reach).ok);
  CHECK(CheckStore(Error{ErrorCode::kUnavailable, "away"}, leads, reach).problem == "away");
  CHECK(CheckStore(store::StoreStatus{.failure = "fenced"}, leads, reach).problem == "fenced");
  CHECK_FALSE(CheckStore(store::StoreStatus{.no_space = true}, leads, reach).ok);
}

TEST_CASE("LiveStatus: a component that was not started yet is not ready") {
  const TestDirectory directory;
  const SystemClock clock;
  const auto log = LogTo([](LogLevel, const std::string&) {});
  prometheus::Registry registry;
  const auto storage = OpenTestStorage(directory.path() / "x.db", registry, clock, *log);
  const Supervisor supervisor({}, clock, *log);
  LiveStatus status({.components = {"kube-apiserver"}}, {*storage, registry, &supervisor}, clock);
  const auto checks = status.ReadChecks();
  REQUIRE(checks.size() == 2);
  CHECK(checks[1].name == "kube-apiserver");
  CHECK_FALSE(checks[1].ok);
  CHECK(checks[1].problem == "it has not been started yet");
}

TEST_CASE("LiveStatus: tells in a sentence when and how a component ended") {
  const TestDirectory directory;
  const SystemClock clock;
  const auto log = LogTo([](LogLevel, const std::string&) {});
  prometheus::Registry registry;
  const auto storage = OpenTestStorage(directory.path() / "x.db", registry, clock, *log);
  Supervisor supervisor({.restart = {.first_wait = std::chrono::hours(1)}}, clock, *log);
  REQUIRE(supervisor
              .Start({.name = "kube-apiserver",
                      .process = {.executable = "/bin/false"},
                      .probe = []() -> Result<void> {
                        return Error{ErrorCode::kUnavailable, "it does not answer"};
                      }})
              .ok());
  REQUIRE_FALSE(supervisor.WaitReady("kube-apiserver", seconds(20), {}).ok());
  LiveStatus status({.components = {"kube-apiserver"}}, {*storage, registry, &supervisor}, clock);
  const web::ApplianceStatus read = status.ReadStatus();
  REQUIRE(read.processes.size() == 1);
  CHECK(read.processes[0].last_exit.ends_with(" s ago it exited with status 1"));
  CHECK(read.checks[1].problem == "it exited with status 1; it will be restarted");
}

}  // namespace
}  // namespace kubase::launcher
