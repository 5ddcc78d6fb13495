// Progress: what a starting kubase shows, as events, so that a terminal, a pipe and the parent of a
// detached kubase can each show it in their own way.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/result.h"

namespace kubase::launcher {

struct ProgressEvent {
  enum class Kind {
    kBegin,   // `step` runs from now on
    kDone,    // the step that ran is done; `text` has a detail
    kFailed,  // the start failed; `text` is one sentence, `lines` the last words of who failed
    kReady,   // everything runs; `text` is what to show, of several lines
  };
  Kind kind = Kind::kBegin;
  std::string step;
  std::string text;
  std::vector<std::string> lines;
  std::chrono::milliseconds elapsed{0};  // of the step; for kReady of the whole start
};

// One line of JSON, and back. Error: kInvalidArgument.
std::string ProgressToJson(const ProgressEvent& event);
Result<ProgressEvent> ProgressFromJson(const std::string& line);

// Shows events. Used by one thread.
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  virtual void Show(const ProgressEvent& event) = 0;
};

// Where people read: steps go to `out`, failures to `err`. Both must outlive the sink.
struct ProgressOutput {
  FILE* out;
  FILE* err;
};

// Live on a terminal: the running step with its time, a mark when it is done.
std::unique_ptr<ProgressSink> MakeTerminalProgress(ProgressOutput output);
// One line per step, when it is done, for pipes and logs.
std::unique_ptr<ProgressSink> MakeLineProgress(ProgressOutput output);
// The first when `out` is a terminal that understands escapes, else the second.
std::unique_ptr<ProgressSink> MakeProgress(ProgressOutput output);
// ProgressToJson lines into a descriptor, which it does not own.
std::unique_ptr<ProgressSink> MakeJsonProgress(int fd);

// Times the steps of one start.
class Steps {
 public:
  // Both must outlive it.
  Steps(ProgressSink& sink, const Clock& clock);

  void Begin(const std::string& step);
  void Done(const std::string& detail = "");
  void Failed(const std::string& sentence, const std::vector<std::string>& lines);
  void Ready(const std::string& text);

 private:
  std::chrono::milliseconds Since(MonotonicTime time) const;

  ProgressSink& sink_;
  const Clock& clock_;
  const MonotonicTime start_;
  MonotonicTime step_start_;
  std::string step_;
};

}  // namespace kubase::launcher
