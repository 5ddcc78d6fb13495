// ChildOutput: what a child prints, line by line: into our log, into a file of its own, and the
// newest lines in memory for the status page and for the report of a failed start.
//
// Kubernetes components print klog lines ("I1121 10:00:00.000000 12 file.go:34] text"): their
// severity becomes the level of our line and their time, which is ours within microseconds, is
// dropped. One thread adds; any thread may read LastLines.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/log.h"
#include "shim/base/result.h"

namespace kubase::launcher {

struct ParsedLine {
  LogLevel level = LogLevel::kInfo;
  std::string_view text;  // a part of the line that was parsed
};

// Lines without a klog header are kInfo, but for those by which Go programs die ("panic: ",
// "fatal error: ", "Error: "), which are kError.
ParsedLine ParseKlogLine(std::string_view line);

class ChildOutput {
 public:
  static constexpr size_t kLinesKept = 50;
  // A longer line is cut into several, so that a child without line ends cannot fill the memory.
  static constexpr size_t kLineBytesMax = 16 * 1024;
  static constexpr size_t kFileBytesMax = 8 * 1024 * 1024;
  static constexpr size_t kOldFilesKept = 2;

  // `file` rotates at kFileBytesMax; empty: no file. `log` must outlive the output.
  // Fails when the file cannot be opened; the message names it.
  static Result<std::unique_ptr<ChildOutput>> Open(Log& log, std::string_view component,
                                                   const std::string& file);
  ~ChildOutput();
  ChildOutput(const ChildOutput&) = delete;
  ChildOutput& operator=(const ChildOutput&) = delete;

  // Takes any piece of output; a line counts once its end has come.
  void Append(std::string_view bytes);
  // The child is about to run, perhaps not for the first time.
  void Begin();
  // The child has ended: what is left over is a line.
  void Finish();

  // Oldest first, at most `count`.
  std::vector<std::string> LastLines(size_t count) const;
  // The same, without the lines of earlier runs.
  std::vector<std::string> LastLinesOfRun(size_t count) const;

 private:
  class File;

  ChildOutput(std::unique_ptr<Log> log, std::unique_ptr<File> file);
  void TakeLine(std::string_view line);
  std::vector<std::string> Newest(size_t count) const;  // with mutex_ held

  const std::unique_ptr<Log> log_;
  const std::unique_ptr<File> file_;  // null: no file
  std::string partial_;
  mutable std::mutex mutex_;
  std::deque<std::string> last_lines_;  // guarded by mutex_
  size_t lines_of_run_ = 0;             // guarded by mutex_
};

}  // namespace kubase::launcher
