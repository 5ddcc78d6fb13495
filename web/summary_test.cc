#include "web/summary.h"

#include <catch2/catch.hpp>

#include "web/test_time.h"

namespace kubase::web {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

ApplianceStatus Healthy() {
  ApplianceStatus status;
  status.kubernetes_version = "v1.37.1";
  status.processes = {{.name = "kube-apiserver", .state = ProcessState::kReady, .pid = 1},
                      {.name = "kube-controller-manager", .state = ProcessState::kReady, .pid = 2}};
  status.databases = {{.name = "default", .reachable = true}};
  status.checks = {{"database/default", true, ""}, {"kube-apiserver", true, ""}};
  status.certificates = {{"admin", "", kNow + hours(24)}};
  return status;
}

TEST_CASE("Summary: all well is one calm sentence") {
  const Summary summary = Summarize(Healthy(), kNow);
  CHECK(summary.level == Level::kHealthy);
  CHECK(summary.sentence == "Healthy: both processes are ready and the database answers.");
  CHECK(summary.problems.empty());
}

TEST_CASE("Summary: the shim alone is healthy by its database") {
  ApplianceStatus status = Healthy();
  status.processes.clear();
  CHECK(Summarize(status, kNow).sentence == "Healthy: the database answers.");
  CHECK(Summarize(ApplianceStatus{}, kNow).sentence == "Healthy.");
}

TEST_CASE("Summary: down when no database can be reached, degraded when one of several cannot") {
  ApplianceStatus status = Healthy();
  status.databases[0] = {.name = "default", .reachable = false, .problem = "the disk is full."};
  CHECK(Summarize(status, kNow).level == Level::kDown);
  CHECK(Summarize(status, kNow).sentence ==
        "Down because the database default cannot be reached: the disk is full.");

  status.databases.push_back({.name = "second", .reachable = true});
  CHECK(Summarize(status, kNow).level == Level::kDegraded);
}

TEST_CASE("Summary: down when the apiserver is gone, degraded when another process is") {
  ApplianceStatus status = Healthy();
  status.processes[1].state = ProcessState::kBackingOff;
  status.processes[1].restarts = 3;
  status.processes[1].last_exit = "2 s ago it exited with status 1";
  CHECK(Summarize(status, kNow).sentence ==
        "Degraded because kube-controller-manager has ended 4 times and will be restarted: 2 s ago "
        "it exited with status 1.");

  status.processes[0].state = ProcessState::kStopped;
  const Summary summary = Summarize(status, kNow);
  CHECK(summary.level == Level::kDown);
  CHECK(summary.sentence == "Down because kube-apiserver is stopped. There is 1 more problem.");
  CHECK(summary.problems.size() == 2);
}

TEST_CASE("Summary: the first end of a process is told without a count") {
  ApplianceStatus status = Healthy();
  status.processes[0].state = ProcessState::kBackingOff;
  CHECK(Summarize(status, kNow).sentence ==
        "Down because kube-apiserver has ended and will be restarted.");
}

TEST_CASE("Summary: an apiserver that starts or is not ready degrades") {
  ApplianceStatus status = Healthy();
  status.processes[0].state = ProcessState::kStarting;
  CHECK(Summarize(status, kNow).sentence == "Degraded because kube-apiserver is starting.");
  status.processes[0].state = ProcessState::kNotReady;
  CHECK(Summarize(status, kNow).sentence ==
        "Degraded because kube-apiserver runs but is not ready.");
}

TEST_CASE("Summary: a failing check counts, unless its subject was named already") {
  ApplianceStatus status = Healthy();
  status.checks = {{"disk", false, "it is almost full"}};
  CHECK(Summarize(status, kNow).sentence ==
        "Degraded because the check \"disk\" fails: it is almost full.");

  status.databases[0].reachable = false;
  status.checks = {{"database/default", false, "no answer"}};
  CHECK(Summarize(status, kNow).problems.size() == 1);

  status.databases[0].problem = "the disk is full";
  status.checks = {{"store", false, "the disk is full"}};
  CHECK(Summarize(status, kNow).problems.size() == 1);
}

TEST_CASE("Summary: an ended certificate degrades, one that ends soon does not") {
  ApplianceStatus status = Healthy();
  status.certificates[0].not_after = kNow + seconds(1);
  CHECK(Summarize(status, kNow).level == Level::kHealthy);
  status.certificates[0].not_after = kNow;
  CHECK(Summarize(status, kNow).sentence ==
        "Degraded because the certificate \"admin\" ended on 2027-01-15.");
}

TEST_CASE("Summary: days left are whole days and negative after the end") {
  CHECK(DaysLeft({"", "", kNow + hours(24)}, kNow) == 1);
  CHECK(DaysLeft({"", "", kNow + hours(23)}, kNow) == 0);
  CHECK(DaysLeft({"", "", kNow - seconds(1)}, kNow) == -1);
}

}  // namespace
}  // namespace kubase::web
