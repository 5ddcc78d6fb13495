// What is shown, byte by byte.
#include "launcher/progress.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

namespace kubase::launcher {
namespace {

using std::chrono::milliseconds;

// A stream whose content can be read.
class Captured {
 public:
  Captured() : file_(::open_memstream(&text_, &size_)) {}
  ~Captured() {
    std::fclose(file_);
    std::free(text_);
  }
  FILE* file() { return file_; }
  std::string Text() {
    std::fflush(file_);
    return {text_, size_};
  }

 private:
  char* text_ = nullptr;
  size_t size_ = 0;
  FILE* file_;
};

// A whole start that takes known times.
void RunSteps(ProgressSink& sink) {
  ManualClock clock;
  Steps steps(sink, clock);
  steps.Begin("database");
  clock.Advance(milliseconds(120));
  steps.Done("SQLite 3.40.1");
  steps.Begin("kube-apiserver");
  clock.Advance(milliseconds(3'090));
  steps.Done();
  steps.Ready("next: kubase status\n");
}

TEST_CASE("Progress: a pipe gets one line per step") {
  Captured captured;
  RunSteps(*MakeLineProgress({captured.file(), captured.file()}));
  CHECK(captured.Text() ==
        "database                         0.1 s  SQLite 3.40.1\n"
        "kube-apiserver                   3.0 s\n"
        "ready in 3.2 s\n"
        "next: kubase status\n");
}

TEST_CASE("Progress: a failure ends with the sentence and the last lines") {
  Captured captured;
  const auto sink = MakeLineProgress({captured.file(), captured.file()});
  sink->Show({.kind = ProgressEvent::Kind::kFailed,
              .step = "kube-apiserver",
              .text = "it could not start",
              .lines = {"one", "two"}});
  CHECK(captured.Text() == "error: it could not start\nlast lines:\n  one\n  two\n");
}

TEST_CASE("Progress: a terminal gets the running step and then a mark") {
  Captured captured;
  RunSteps(*MakeTerminalProgress({captured.file(), captured.file()}));
  const std::string text = captured.Text();
  CHECK(text.find("\r\x1b[2K… database                         0.0 s") != std::string::npos);
  CHECK(text.find("\r\x1b[2K\x1b[32m✓\x1b[0m kube-apiserver                   3.0 s") !=
        std::string::npos);
  CHECK(text.find("Ready in 3.2 s") != std::string::npos);
}

TEST_CASE("Progress: events survive the way to the parent") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const ProgressEvent event{.kind = ProgressEvent::Kind::kFailed,
                            .step = "kube-apiserver",
                            .text = "a \"quoted\"\nsentence",
                            .lines = {"x", "invalid \xff byte"},
                            .elapsed = milliseconds(7)};
  MakeJsonProgress(ends[1])->Show(event);
  char buffer[4096];
  const ssize_t length = ::read(ends[0], buffer, sizeof buffer);
  ::close(ends[0]);
  ::close(ends[1]);
  REQUIRE(length > 0);
  const auto read = ProgressFromJson(std::string(buffer, static_cast<size_t>(length)));
  REQUIRE(read.ok());
  CHECK(read->kind == event.kind);
  CHECK(read->step == event.step);
  CHECK(read->text == event.text);
  CHECK(read->lines == std::vector<std::string>{"x", "invalid \xef\xbf\xbd byte"});
  CHECK(read->elapsed == event.elapsed);
  CHECK_FALSE(ProgressFromJson("{}").ok());
  CHECK_FALSE(ProgressFromJson("not json").ok());
}

}  // namespace
}  // namespace kubase::launcher
