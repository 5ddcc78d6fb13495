// Splits output into lines and hands each to its three readers; see the header.
#include "launcher/child_output.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace kubase::launcher {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// "I1121 ": a severity letter, month and day.
bool HasKlogHeader(std::string_view line) {
  return line.size() > 6 && std::string_view("IWEF").find(line[0]) != std::string_view::npos &&
         std::all_of(line.begin() + 1, line.begin() + 5, IsDigit) && line[5] == ' ';
}

LogLevel KlogLevel(char severity) {
  if (severity == 'I') return LogLevel::kInfo;
  return severity == 'W' ? LogLevel::kWarning : LogLevel::kError;
}

}  // namespace

ParsedLine ParseKlogLine(std::string_view line) {
  if (!HasKlogHeader(line)) {
    for (const std::string_view last_words : {"panic: ", "fatal error: ", "Error: ", "error: "}) {
      if (line.substr(0, last_words.size()) == last_words) return {LogLevel::kError, line};
    }
    return {LogLevel::kInfo, line};
  }
  // The header's third word is the process id, padded with spaces; the source file follows it.
  const size_t time_end = line.find(' ', 6);
  const size_t pid = time_end == line.npos ? line.npos : line.find_first_not_of(' ', time_end);
  const size_t pid_end = pid == line.npos ? line.npos : line.find(' ', pid);
  if (pid_end == line.npos) return {KlogLevel(line[0]), line};
  return {KlogLevel(line[0]), line.substr(pid_end + 1)};
}

// spdlog reports a full disk to standard error, at most once a second, and goes on.
class ChildOutput::File {
 public:
  explicit File(const std::string& path)
      : logger_(path, std::make_shared<spdlog::sinks::rotating_file_sink_st>(path, kFileBytesMax,
                                                                             kOldFilesKept)) {
    logger_.set_pattern("%v");
    logger_.flush_on(spdlog::level::info);
  }
  void Write(std::string_view line) {
    logger_.log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  spdlog::logger logger_;
};

ChildOutput::ChildOutput(std::unique_ptr<Log> log, std::unique_ptr<File> file)
    : log_(std::move(log)), file_(std::move(file)) {}

ChildOutput::~ChildOutput() = default;

Result<std::unique_ptr<ChildOutput>> ChildOutput::Open(Log& log, std::string_view component,
                                                       const std::string& file) {
  std::unique_ptr<File> opened;
  if (!file.empty()) {
    try {
      opened = std::make_unique<File>(file);
    } catch (const spdlog::spdlog_ex& failure) {
      return Error{ErrorCode::kPermissionDenied,
                   "cannot open the log file " + file + ": " + failure.what()};
    }
  }
  return std::unique_ptr<ChildOutput>(
      new ChildOutput(log.WithComponent(component), std::move(opened)));
}

void ChildOutput::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const size_t room = kLineBytesMax - partial_.size();
    const size_t taken = std::min({end, bytes.size(), room});
    partial_.append(bytes.substr(0, taken));
    const bool at_line_end = taken == end;
    bytes.remove_prefix(at_line_end ? taken + 1 : taken);
    if (at_line_end || partial_.size() == kLineBytesMax) {
      TakeLine(partial_);
      partial_.clear();
    }
  }
}

void ChildOutput::Begin() {
  const std::lock_guard lock(mutex_);
  lines_of_run_ = 0;
}

void ChildOutput::Finish() {
  if (partial_.empty()) return;
  TakeLine(partial_);
  partial_.clear();
}

std::vector<std::string> ChildOutput::LastLines(size_t count) const {
  const std::lock_guard lock(mutex_);
  return Newest(count);
}

std::vector<std::string> ChildOutput::LastLinesOfRun(size_t count) const {
  const std::lock_guard lock(mutex_);
  return Newest(std::min(count, lines_of_run_));
}

std::vector<std::string> ChildOutput::Newest(size_t count) const {
  const auto kept = static_cast<ptrdiff_t>(std::min(count, last_lines_.size()));
  return {last_lines_.end() - kept, last_lines_.end()};
}

void ChildOutput::TakeLine(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.empty()) return;
  if (file_ != nullptr) file_->Write(line);
  const ParsedLine parsed = ParseKlogLine(line);
  log_->Write(parsed.level, parsed.text, {});
  const std::lock_guard lock(mutex_);
  last_lines_.emplace_back(line);
  ++lines_of_run_;
  if (last_lines_.size() > kLinesKept) last_lines_.pop_front();
}

}  // namespace kubase::launcher
