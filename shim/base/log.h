// Log: structured lines, injected everywhere; no global logger.
//
// A line is a level, a message that is a constant sentence, and fields. Text lines read
// `I1121 10:00:00.000000 component] message key="value"` (klog's shape, so that one reader can
// parse our lines and those of the Kubernetes components); JSON lines use the keys `severity`,
// `time`, `component`, `message` and the fields. Fields never hold secrets.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace kubase {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogField {
  std::string_view name;
  std::string value;

  LogField(std::string_view n, std::string v) : name(n), value(std::move(v)) {}
  LogField(std::string_view n, std::string_view v) : name(n), value(v) {}
  LogField(std::string_view n, const char* v) : name(n), value(v) {}
  LogField(std::string_view n, int64_t v) : name(n), value(std::to_string(v)) {}
  LogField(std::string_view n, int v) : name(n), value(std::to_string(v)) {}
  LogField(std::string_view n, size_t v) : name(n), value(std::to_string(v)) {}
};

// Safe to call from any thread; never throws.
class Log {
 public:
  using Fields = std::initializer_list<LogField>;

  virtual ~Log() = default;
  virtual void Write(LogLevel level, std::string_view message, Fields fields) = 0;
  // A log that adds `component` to each line and writes to the same place; it must not outlive
  // this.
  virtual std::unique_ptr<Log> WithComponent(std::string_view component) = 0;

  void Debug(std::string_view message, Fields fields = {}) {
    Write(LogLevel::kDebug, message, fields);
  }
  void Info(std::string_view message, Fields fields = {}) {
    Write(LogLevel::kInfo, message, fields);
  }
  void Warning(std::string_view message, Fields fields = {}) {
    Write(LogLevel::kWarning, message, fields);
  }
  void Error(std::string_view message, Fields fields = {}) {
    Write(LogLevel::kError, message, fields);
  }
};

enum class LogFormat { kText, kJson };

struct LogOptions {
  LogFormat format = LogFormat::kText;
  LogLevel level = LogLevel::kInfo;
  std::string file;  // rotated by size, a few old ones are kept; empty: standard error
};

// A log to standard error or a file. A file that cannot be opened throws nothing: the lines go to
// standard error and the first one says so.
std::unique_ptr<Log> OpenLog(const LogOptions& options);

// A log that hands each finished text line (without line end) to `sink`; for tests.
std::unique_ptr<Log> LogTo(std::function<void(LogLevel, const std::string&)> sink);

}  // namespace kubase
