// web_demo_server: a status server over chosen scenarios, driven by lines on standard input.
//
// Prints its URL, then answers each line with one line: `show NAME` changes what is served, `stop`
// ends the server, `start` serves again on the same port. End of input ends the program, so it
// cannot outlive the test that started it.
#include <prometheus/registry.h>

#include <iostream>
#include <mutex>
#include <string>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "tests/browser/scenarios.h"
#include "web/status_server.h"

namespace kubase::web {
namespace {

class ScenarioSource final : public StatusSource {
 public:
  explicit ScenarioSource(std::map<std::string, ApplianceStatus> scenarios)
      : scenarios_(std::move(scenarios)) {}

  bool Show(const std::string& name) {
    std::lock_guard lock(mutex_);
    if (!scenarios_.contains(name)) return false;
    shown_ = name;
    return true;
  }
  // Each reading is a second later than the last, so that pages differ as real ones do.
  ApplianceStatus ReadStatus() override {
    std::lock_guard lock(mutex_);
    ApplianceStatus status = scenarios_.at(shown_);
    status.uptime += std::chrono::seconds(++readings_);
    return status;
  }
  std::vector<Check> ReadChecks() override { return ReadStatus().checks; }

 private:
  std::mutex mutex_;
  const std::map<std::string, ApplianceStatus> scenarios_;
  std::string shown_ = "healthy";  // guarded by mutex_
  int readings_ = 0;               // guarded by mutex_
};

class Demo {
 public:
  explicit Demo(const Clock& clock)
      : clock_(clock),
        log_(OpenLog({.level = LogLevel::kWarning})),
        source_(MakeScenarios(clock.WallNow())) {}

  // What went wrong; empty: it serves.
  std::string Start() {
    auto started = StatusServer::Start(options_, {.status = source_}, registry_, *log_, clock_);
    if (!started.ok()) return started.error().message;
    server_ = std::move(started).value();
    options_.bind_address = server_->address();
    return "";
  }

  std::string Obey(const std::string& line) {
    if (line == "start") return Start();
    if (line == "stop") {
      server_.reset();
      return "";
    }
    if (line.rfind("show ", 0) == 0 && source_.Show(line.substr(5))) return "";
    return "unknown command: " + line;
  }

  std::string url() const { return server_->url(); }

 private:
  const Clock& clock_;
  const std::unique_ptr<Log> log_;
  ScenarioSource source_;
  prometheus::Registry registry_;
  StatusServerOptions options_{
      .endpoints = {.version = "0.1.0", .commit = "demo", .kubernetes_version = "v1.37.1"}};
  std::unique_ptr<StatusServer> server_;
};

int Run() {
  const SystemClock clock;
  Demo demo(clock);
  if (const std::string problem = demo.Start(); !problem.empty()) {
    std::cerr << problem << "\n";
    return 1;
  }
  std::cout << demo.url() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const std::string problem = demo.Obey(line);
    std::cout << (problem.empty() ? "ok" : problem) << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace kubase::web

int main() {
  return kubase::web::Run();
}
