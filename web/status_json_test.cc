#include "web/status_json.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "web/test_time.h"

namespace kubase::web {
namespace {

using nlohmann::json;
ApplianceStatus Full() {
  ApplianceStatus status;
  status.version = "0.1.0";
  status.kubernetes_version = "v1.37.1";
  status.data_dir = "/var/lib/kubase";
  status.server_url = "https://127.0.0.1:6443";
  status.kubeconfig_path = "/var/lib/kubase/kubeconfig";
  status.uptime = std::chrono::seconds(77);
  status.checks = {{"database", false, "full"}};
  status.processes = {{"kube-apiserver",
                       ProcessState::kBackingOff,
                       7,
                       2,
                       4096,
                       1.5,
                       std::chrono::seconds(5),
                       "5 s ago it exited with status 1",
                       {"one", "two"}}};
  status.databases = {{"default", "SQLite", "/db", "b:2379", true, "slow", 10, 5, 90, 80}};
  status.traffic = {1, 2, 3.5, 4, 5, 6};
  status.kinds = {{"pods", 12}};
  status.certificates = {{"admin", "/pki/admin.crt", kNow + std::chrono::hours(1)}};
  return status;
}

TEST_CASE("StatusJson: what is written is read back the same") {
  const std::string text = StatusToJson(Full(), kNow);
  const auto read = StatusFromJson(text);
  REQUIRE(read.ok());
  CHECK(StatusToJson(*read, kNow) == text);
  CHECK(read->processes.at(0).state == ProcessState::kBackingOff);
  CHECK(read->processes.at(0).last_log_lines == std::vector<std::string>{"one", "two"});
  CHECK(read->certificates.at(0).not_after == kNow + std::chrono::hours(1));
  CHECK(read->traffic.requests_per_second == 3.5);
}

TEST_CASE("StatusJson: carries the summary that the page shows") {
  const json document = json::parse(StatusToJson(Full(), kNow));
  CHECK(document["summary"]["level"] == "Down");
  CHECK(document["summary"]["problems"].size() == 3);
  CHECK(document["certificates"][0]["notAfter"] == "2027-01-15T09:00:00Z");
}

TEST_CASE("StatusJson: text that is not UTF-8 is repaired") {
  ApplianceStatus status;
  status.processes = {{.name = "p", .last_log_lines = {"\xff\xfe"}}};
  const json document = json::parse(StatusToJson(status, kNow));
  CHECK(document["processes"][0]["lastLogLines"][0] == "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("StatusJson: missing keys keep their defaults, unknown ones are ignored") {
  const auto read =
      StatusFromJson(R"({"version":"9","new":[1],"processes":[{"state":"melting"}]})");
  REQUIRE(read.ok());
  CHECK(read->version == "9");
  CHECK(read->processes.at(0).state == ProcessState::kNotReady);
}

TEST_CASE("StatusJson: malformed documents are refused with the reason") {
  for (const char* text : {"", "[]", "{", "{\"uptimeSeconds\":\"x\"}", "{\"checks\":{}}",
                           "{\"certificates\":[{\"notAfter\":\"tomorrow\"}]}"}) {
    INFO(text);
    const auto read = StatusFromJson(text);
    REQUIRE_FALSE(read.ok());
    CHECK(read.error().code == ErrorCode::kInvalidArgument);
    CHECK_FALSE(read.error().message.empty());
  }
}

}  // namespace
}  // namespace kubase::web
