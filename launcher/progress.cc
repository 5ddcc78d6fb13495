// The three ways to show events; see the header.
#include "launcher/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace kubase::launcher {
namespace {

using std::chrono::milliseconds;

constexpr std::array<const char*, 4> kKindNames = {"begin", "done", "failed", "ready"};
constexpr size_t kStepWidth = 30;

std::string Seconds(milliseconds elapsed) {
  return fmt::format("{}.{} s", elapsed.count() / 1000, elapsed.count() % 1000 / 100);
}

void PrintTo(FILE* out, const std::string& text) {
  // A reader that is gone must not stop the start.
  [[maybe_unused]] const size_t written = std::fwrite(text.data(), 1, text.size(), out);
  [[maybe_unused]] const int flushed = std::fflush(out);
}

std::string RenderFailure(const ProgressEvent& event) {
  std::string text = "error: " + event.text + "\n";
  if (!event.lines.empty()) text += "last lines:\n";
  for (const std::string& line : event.lines) text += "  " + line + "\n";
  return text;
}

class LineProgress final : public ProgressSink {
 public:
  explicit LineProgress(ProgressOutput output) : out_(output.out), err_(output.err) {}

  void Show(const ProgressEvent& event) override {
    switch (event.kind) {
      case ProgressEvent::Kind::kBegin:
        return;
      case ProgressEvent::Kind::kDone: {
        std::string line =
            fmt::format("{:<{}} {:>7}", event.step, kStepWidth, Seconds(event.elapsed));
        if (!event.text.empty()) line += "  " + event.text;
        return PrintTo(out_, line + "\n");
      }
      case ProgressEvent::Kind::kFailed:
        return PrintTo(err_, RenderFailure(event));
      case ProgressEvent::Kind::kReady:
        return PrintTo(out_, "ready in " + Seconds(event.elapsed) + "\n" + event.text);
    }
  }

 private:
  FILE* const out_;
  FILE* const err_;
};

class TerminalProgress final : public ProgressSink {
 public:
  explicit TerminalProgress(ProgressOutput output)
      : out_(output.out),
        err_(output.err),
        ticker_([this](std::stop_token stop) { RunTicker(stop); }) {}

  void Show(const ProgressEvent& event) override {
    const std::lock_guard lock(mutex_);
    switch (event.kind) {
      case ProgressEvent::Kind::kBegin:
        running_ = event.step;
        begun_ = std::chrono::steady_clock::now();
        changed_.notify_all();
        return ShowRunning();
      case ProgressEvent::Kind::kDone:
        running_.clear();
        return PrintTo(out_,
                     fmt::format("{}\x1b[32m✓\x1b[0m {:<{}} {:>7}  \x1b[2m{}\x1b[0m\n", kClearLine,
                                 event.step, kStepWidth, Seconds(event.elapsed), event.text));
      case ProgressEvent::Kind::kFailed: {
        if (!running_.empty()) {
          PrintTo(out_, fmt::format("{}\x1b[31m✗\x1b[0m {}\n", kClearLine, running_));
        }
        running_.clear();
        return PrintTo(err_, RenderFailure(event));
      }
      case ProgressEvent::Kind::kReady:
        return PrintTo(
            out_, fmt::format("\x1b[1mReady in {}\x1b[0m\n{}", Seconds(event.elapsed), event.text));
    }
  }

 private:
  static constexpr const char* kClearLine = "\r\x1b[2K";

  void RunTicker(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      if (running_.empty()) {
        changed_.wait(lock, stop, [this] { return !running_.empty(); });
      } else {
        changed_.wait_for(lock, stop, milliseconds(100), [this] { return running_.empty(); });
        if (!running_.empty()) ShowRunning();
      }
    }
  }

  void ShowRunning() {  // with mutex_ held
    const auto elapsed =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun_);
    PrintTo(out_,
          fmt::format("{}… {:<{}} {:>7}", kClearLine, running_, kStepWidth, Seconds(elapsed)));
  }

  FILE* const out_;
  FILE* const err_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string running_;                          // guarded by mutex_; empty: no step runs
  std::chrono::steady_clock::time_point begun_;  // guarded by mutex_; of the display alone
  std::jthread ticker_;
};

class JsonProgress final : public ProgressSink {
 public:
  explicit JsonProgress(int fd) : fd_(fd) {}

  void Show(const ProgressEvent& event) override {
    const std::string line = ProgressToJson(event) + "\n";
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t written = ::write(fd_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return;  // the reader has gone; the start goes on
      rest.remove_prefix(static_cast<size_t>(written));
    }
  }

 private:
  const int fd_;
};

}  // namespace

std::string ProgressToJson(const ProgressEvent& event) {
  const nlohmann::json json = {{"kind", kKindNames[static_cast<size_t>(event.kind)]},
                               {"step", event.step},
                               {"text", event.text},
                               {"lines", event.lines},
                               {"elapsedMs", event.elapsed.count()}};
  // Child output may hold any bytes.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<ProgressEvent> ProgressFromJson(const std::string& line) {
  try {
    const nlohmann::json json = nlohmann::json::parse(line);
    ProgressEvent event;
    const auto kind = json.at("kind").get<std::string>();
    size_t index = 0;
    while (index < kKindNames.size() && kind != kKindNames[index]) ++index;
    if (index == kKindNames.size()) {
      return Error{ErrorCode::kInvalidArgument, "no such kind of progress: " + kind};
    }
    event.kind = static_cast<ProgressEvent::Kind>(index);
    event.step = json.at("step").get<std::string>();
    event.text = json.at("text").get<std::string>();
    event.lines = json.at("lines").get<std::vector<std::string>>();
    event.elapsed = milliseconds(json.at("elapsedMs").get<int64_t>());
    return event;
  } catch (const nlohmann::json::exception& failure) {
    return Error{ErrorCode::kInvalidArgument, failure.what()};
  }
}

std::unique_ptr<ProgressSink> MakeTerminalProgress(ProgressOutput output) {
  return std::make_unique<TerminalProgress>(output);
}

std::unique_ptr<ProgressSink> MakeLineProgress(ProgressOutput output) {
  return std::make_unique<LineProgress>(output);
}

std::unique_ptr<ProgressSink> MakeProgress(ProgressOutput output) {
  const char* terminal = std::getenv("TERM");
  const bool is_live = ::isatty(::fileno(output.out)) != 0 && terminal != nullptr &&
                       std::string_view(terminal) != "dumb" && std::getenv("NO_COLOR") == nullptr;
  return is_live ? MakeTerminalProgress(output) : MakeLineProgress(output);
}

std::unique_ptr<ProgressSink> MakeJsonProgress(int fd) {
  return std::make_unique<JsonProgress>(fd);
}

Steps::Steps(ProgressSink& sink, const Clock& clock)
    : sink_(sink), clock_(clock), start_(clock.Now()), step_start_(start_) {}

void Steps::Begin(const std::string& step) {
  step_ = step;
  step_start_ = clock_.Now();
  sink_.Show({.kind = ProgressEvent::Kind::kBegin, .step = step});
}

void Steps::Done(const std::string& detail) {
  sink_.Show({.kind = ProgressEvent::Kind::kDone,
              .step = step_,
              .text = detail,
              .elapsed = Since(step_start_)});
}

void Steps::Failed(const std::string& sentence, const std::vector<std::string>& lines) {
  sink_.Show({.kind = ProgressEvent::Kind::kFailed,
              .step = step_,
              .text = sentence,
              .lines = lines,
              .elapsed = Since(step_start_)});
}

void Steps::Ready(const std::string& text) {
  sink_.Show({.kind = ProgressEvent::Kind::kReady, .text = text, .elapsed = Since(start_)});
}

milliseconds Steps::Since(MonotonicTime time) const {
  return std::chrono::duration_cast<milliseconds>(clock_.Now() - time);
}

}  // namespace kubase::launcher
