#include "shim/base/log.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace kubase {
namespace {

TEST_CASE("Log: a text line has klog's shape, the component and quoted fields") {
  std::vector<std::string> lines;
  auto log = LogTo([&](LogLevel, const std::string& line) { lines.push_back(line); });
  log->WithComponent("store")->Warning("slow statement", {{"statement", "a \"b\"\n"}, {"ms", 12}});
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].front() == 'W');
  CHECK(lines[0].find(" store] slow statement statement=\"a \\\"b\\\"\\n\" ms=\"12\"") !=
        std::string::npos);
}

TEST_CASE("Log: a JSON line parses whatever is in a field") {
  const auto file =
      std::filesystem::temp_directory_path() / ("kubase-log-" + std::to_string(getpid()));
  OpenLog({.format = LogFormat::kJson, .level = LogLevel::kInfo, .file = file})
      ->Error("bad \x01 thing", {{"where", "line\t1\\"}});
  std::ifstream in(file);
  const auto json = nlohmann::json::parse(in);
  CHECK(json["severity"] == "error");
  CHECK(json["message"] == "bad \x01 thing");
  CHECK(json["where"] == "line\t1\\");
  std::filesystem::remove(file);
}

TEST_CASE("Log: lines below the level are not written") {
  const auto file =
      std::filesystem::temp_directory_path() / ("kubase-level-" + std::to_string(getpid()));
  OpenLog({.level = LogLevel::kWarning, .file = file})->Info("quiet");
  CHECK(std::filesystem::file_size(file) == 0);
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace kubase
