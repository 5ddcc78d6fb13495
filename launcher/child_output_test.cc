// Lines, levels, the newest lines and the rotating file.
#include "launcher/child_output.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "launcher/test_directory.h"

namespace kubase::launcher {
namespace {

struct Captured {
  std::vector<std::pair<LogLevel, std::string>> lines;
  std::unique_ptr<Log> log =
      LogTo([this](LogLevel level, const std::string& line) { lines.emplace_back(level, line); });
};

std::string TextAfterHeader(const std::string& line) {
  return line.substr(line.find("] ") + 2);
}

TEST_CASE("ParseKlogLine: severity becomes the level and the header goes") {
  const auto warning = ParseKlogLine("W1121 10:00:00.000001    4711 store.go:12] slow");
  CHECK(warning.level == LogLevel::kWarning);
  CHECK(warning.text == "store.go:12] slow");
  CHECK(ParseKlogLine("F1121 10:00:00.000001       1 a.go:1] x").level == LogLevel::kError);
  CHECK(ParseKlogLine("panic: nil map").level == LogLevel::kError);
  CHECK(ParseKlogLine("Error: unknown flag").level == LogLevel::kError);
}

TEST_CASE("ParseKlogLine: other lines stay whole") {
  CHECK(ParseKlogLine("Indeed, 12 lines").text == "Indeed, 12 lines");
  CHECK(ParseKlogLine("I1121 cut").text == "I1121 cut");
  CHECK(ParseKlogLine("").text.empty());
}

TEST_CASE("ChildOutput: pieces become lines, whatever their borders") {
  Captured captured;
  auto output = ChildOutput::Open(*captured.log, "child", "").value();
  output->Append("one\ntw");
  CHECK(captured.lines.size() == 1);
  output->Append("o\r\n\nthr");
  output->Append("ee");
  output->Finish();
  CHECK(output->LastLines(10) == std::vector<std::string>{"one", "two", "three"});
  REQUIRE(captured.lines.size() == 3);
  CHECK(TextAfterHeader(captured.lines[1].second) == "two");
  CHECK(captured.lines[1].second.find("child]") != std::string::npos);
}

TEST_CASE("ChildOutput: the newest lines are kept") {
  Captured captured;
  auto output = ChildOutput::Open(*captured.log, "child", "").value();
  for (int i = 0; i < 60; ++i) output->Append(std::to_string(i) + "\n");
  CHECK(output->LastLines(2) == std::vector<std::string>{"58", "59"});
  CHECK(output->LastLines(1000).size() == ChildOutput::kLinesKept);
}

TEST_CASE("ChildOutput: a line without end is cut") {
  Captured captured;
  auto output = ChildOutput::Open(*captured.log, "child", "").value();
  output->Append(std::string(ChildOutput::kLineBytesMax + 5, 'x'));
  output->Finish();
  const auto lines = output->LastLines(10);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].size() == ChildOutput::kLineBytesMax);
  CHECK(lines[1].size() == 5);
}

TEST_CASE("ChildOutput: the file rotates and its old parts are bounded") {
  const TestDirectory directory;
  {
    // The log is a sink that keeps nothing: the file alone is of interest.
    const auto log = LogTo([](LogLevel, const std::string&) {});
    auto output = ChildOutput::Open(*log, "child", directory / "child.log").value();
    const std::string line(8 * 1024, 'x');
    for (size_t i = 0; i < 4 * ChildOutput::kFileBytesMax / line.size(); ++i) {
      output->Append(line + "\n");
    }
  }
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    ++files;
    CHECK(entry.file_size() <= ChildOutput::kFileBytesMax);
  }
  CHECK(files == 1 + ChildOutput::kOldFilesKept);
}

TEST_CASE("ChildOutput: a file that cannot be opened is named") {
  Captured captured;
  const auto output = ChildOutput::Open(*captured.log, "child", "/proc/no/such/file");
  REQUIRE_FALSE(output.ok());
  CHECK(output.error().message.find("/proc/no/such/file") != std::string::npos);
}

}  // namespace
}  // namespace kubase::launcher
