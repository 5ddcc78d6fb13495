#include "web/page.h"

#include <catch2/catch.hpp>

#include "web/assets.h"
#include "web/page_kinds.h"
#include "web/test_time.h"

namespace kubase::web {
namespace {

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

ApplianceStatus Typical() {
  ApplianceStatus status;
  status.version = "0.1.0";
  status.kubernetes_version = "v1.37.1";
  status.data_dir = "/var/lib/kubase";
  status.kubeconfig_path = "/var/lib/kubase/kubeconfig";
  status.processes = {{.name = "kube-apiserver",
                       .state = ProcessState::kReady,
                       .pid = 4711,
                       .rss_bytes = 243LL << 20,
                       .last_log_lines = {"first line", "second line"}}};
  status.databases = {{.name = "default",
                       .engine = "SQLite 3.40.1",
                       .location = "/db",
                       .reachable = true,
                       .size_bytes = 1000,
                       .size_in_use_bytes = 500,
                       .revision = 12345,
                       .compact_revision = 45}};
  status.certificates = {{"soon", "/pki/soon.crt", kNow + std::chrono::hours(24 * 29)},
                         {"late", "/pki/late.crt", kNow + std::chrono::hours(24 * 31)}};
  return status;
}

TEST_CASE("Page: shows what the status says, in the order of the screen") {
  const std::string page = RenderPage(Typical(), kNow);
  size_t at = 0;
  for (const char* part :
       {"<title>Healthy", "Version 0.1.0, Kubernetes v1.37.1", "Healthy: kube-apiserver is ready",
        "kubectl --kubeconfig=/var/lib/kubase/kubeconfig get pods -A", "4711", "243 MiB",
        "first line\nsecond line", "SQLite 3.40.1 at /db", "12,345", "12,300", "Requests",
        "29 days left, renewal is due", "31 days left"}) {
    INFO(part);
    const size_t found = page.find(part, at);
    REQUIRE(found != std::string::npos);
    at = found;
  }
}

TEST_CASE("Page: text of the outside world stays text") {
  const std::string attack = "\"><script>alert('x')</script><img src=x onerror=alert(1)>";
  ApplianceStatus status = Typical();
  status.version = status.kubernetes_version = status.data_dir = attack;
  status.server_url = status.kubeconfig_path = attack;
  status.checks = {{attack, false, attack}};
  status.processes = {{.name = attack, .last_exit = attack, .last_log_lines = {attack}}};
  status.databases = {
      {.name = attack, .engine = attack, .location = attack, .leader = attack, .problem = attack}};
  status.kinds = {{attack + ".x" + attack, 1}};
  status.certificates = {{attack, attack, kNow}};
  const std::string page = RenderPage(status, kNow);
  CHECK(Count(page, "<script") == 1);  // page.js
  CHECK_FALSE(Contains(page, "<img"));
  CHECK_FALSE(Contains(page, "onerror=alert(1)>"));
  CHECK(Contains(page, "&lt;script&gt;"));
}

TEST_CASE("Page: needs nothing inline and nothing from elsewhere") {
  const std::string page = RenderPage(Typical(), kNow);
  CHECK_FALSE(Contains(page, "<style"));
  for (const char* inline_code : {" style=", " onclick=", " onload=", " onerror=", "javascript:"}) {
    CHECK_FALSE(Contains(page, inline_code));
  }
  const size_t links = Count(page, "href=\"") + Count(page, "src=\"");
  const size_t own = Count(page, "href=\"/") + Count(page, "href=\"#") + Count(page, "src=\"/");
  CHECK(links == own);
  CHECK(Count(page, "=\"//") == 0);
  for (const char* file : {"theme.css", "page.css", "parts.css", "page.js"}) {
    CHECK(Contains(page, AssetOf(file).path));
  }
}

TEST_CASE("Page: a kubeconfig path is quoted for the shell when it has to be") {
  ApplianceStatus status = Typical();
  status.kubeconfig_path = "/home/it's me/config";
  CHECK(Contains(RenderPage(status, kNow),
                 "--kubeconfig=&#39;/home/it&#39;\\&#39;&#39;s me/config&#39; get"));
  status.kubeconfig_path.clear();
  CHECK_FALSE(Contains(RenderPage(status, kNow), "kubectl"));
}

TEST_CASE("Page: every state has its own word and icon") {
  ApplianceStatus status = Typical();
  const std::vector<std::tuple<ProcessState, std::string, std::string>> looks = {
      {ProcessState::kReady, "icon-ok", "ready"},
      {ProcessState::kStarting, "icon-wait", "starting"},
      {ProcessState::kNotReady, "icon-warn", "not ready"},
      {ProcessState::kBackingOff, "icon-down", "waiting to restart"},
      {ProcessState::kStopped, "icon-off", "stopped"}};
  for (const auto& [state, icon, word] : looks) {
    status.processes[0].state = state;
    INFO(word);
    CHECK(Contains(RenderPage(status, kNow), "#" + icon + "\"/></svg>" + word + "</span>"));
  }
}

TEST_CASE("Page: the log of a process that keeps ending is open") {
  ApplianceStatus status = Typical();
  CHECK_FALSE(Contains(RenderPage(status, kNow), "data-state=\"ready\" open"));
  status.processes[0].state = ProcessState::kBackingOff;
  CHECK(Contains(RenderPage(status, kNow), "data-state=\"waiting to restart\" open"));
}

TEST_CASE("Page: a log line of any length is shown by its beginning, and says so") {
  ApplianceStatus status = Typical();
  const std::string umlauts = "x" + [] {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += "\xc3\xa4";
    return text;
  }();
  status.processes[0].last_log_lines = {umlauts, "short"};
  const std::string page = RenderPage(status, kNow);
  CHECK(Contains(page, "\xc3\xa4 ... (8,002 more bytes)\nshort\n"));
  CHECK(page.size() < 30'000);
}

TEST_CASE("Page: a database that was never compacted says so") {
  ApplianceStatus status = Typical();
  status.databases[0].compact_revision = -1;
  CHECK(Contains(RenderPage(status, kNow), "<dt>Compacted to</dt><dd>never</dd>"));
}

TEST_CASE("Page: an empty status renders, without empty sections") {
  const std::string page = RenderPage(ApplianceStatus{}, kNow);
  CHECK(Contains(page, "Healthy."));
  for (const char* heading : {"Processes", "Database", "Kinds", "Certificates"}) {
    CHECK_FALSE(Contains(page, std::string(">") + heading + "<"));
  }
}

TEST_CASE("Page: kinds beyond the first are folded by API group") {
  std::vector<KindCount> kinds;
  for (int i = 0; i < 22; ++i) kinds.push_back({"kind" + std::to_string(i), 1});
  kinds.push_back({"a.one.example.com", 5});
  kinds.push_back({"b.one.example.com", 6});
  const std::string markup = RenderKinds(kinds).markup();
  CHECK(Contains(markup, "33 objects of 24 kinds"));
  CHECK(Contains(markup, "4 more kinds, by API group"));
  CHECK(Contains(markup, "one.example.com: 2 kinds, 11 objects"));
  CHECK(Contains(markup, "built in: 2 kinds, 2 objects"));
  CHECK(Count(markup, "<th scope=\"row\">") == 24);
}

TEST_CASE("Page: a thousand kinds and fifty databases are a page of reasonable size") {
  ApplianceStatus status = Typical();
  for (int i = 0; i < 1000; ++i) {
    status.kinds.push_back({"resources" + std::to_string(i) + ".group.example.com", 1});
  }
  status.databases.resize(50, status.databases[0]);
  CHECK(RenderPage(status, kNow).size() < 300'000);
}

TEST_CASE("Assets: names carry the hash of the content and are found by path only") {
  const Asset& css = AssetOf("page.css");
  CHECK(css.hash.size() == 12);
  CHECK(css.path == "/assets/page." + std::string(css.hash) + ".css");
  CHECK(FindAsset(css.path) == &css);
  CHECK(FindAsset("/assets/page.css") == nullptr);
  CHECK(FindAsset("/assets/../page.css") == nullptr);
}

}  // namespace
}  // namespace kubase::web
