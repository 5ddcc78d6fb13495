// Formats lines itself (klog's shape or JSON) and leaves writing them to spdlog's sinks.
#include "shim/base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

namespace kubase {
namespace {

// A log that nobody looks at must not fill the disk.
constexpr size_t kFileBytesMax = 16 * 1024 * 1024;
constexpr size_t kOldFilesKept = 3;

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

LogLevel FromSpdlog(spdlog::level::level_enum level) {
  if (level <= spdlog::level::debug) return LogLevel::kDebug;
  if (level == spdlog::level::info) return LogLevel::kInfo;
  return level == spdlog::level::warn ? LogLevel::kWarning : LogLevel::kError;
}

// A JSON string: RFC 8259 section 7. Bytes that are not ASCII pass through as they are.
void AppendQuoted(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

struct Now {
  std::tm utc;
  int microseconds;
};

Now ReadWallClock() {
  const auto now = std::chrono::system_clock::now();
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  return {fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
          static_cast<int>(since_epoch.count() % 1'000'000)};
}

std::string FormatText(LogLevel level, const std::string& component, std::string_view message,
                       Log::Fields fields) {
  const Now now = ReadWallClock();
  std::string line =
      fmt::format("{}{:%m%d %H:%M:%S}.{:06} {}] {}", "DIWE"[static_cast<int>(level)], now.utc,
                  now.microseconds, component.empty() ? "kubase" : component, message);
  for (const LogField& field : fields) {
    fmt::format_to(std::back_inserter(line), " {}=", field.name);
    AppendQuoted(line, field.value);
  }
  return line;
}

std::string FormatJson(LogLevel level, const std::string& component, std::string_view message,
                       Log::Fields fields) {
  static constexpr const char* kSeverity[] = {"debug", "info", "warning", "error"};
  const Now now = ReadWallClock();
  std::string line =
      fmt::format(R"({{"severity":"{}","time":"{:%Y-%m-%dT%H:%M:%S}.{:06}Z","component":)",
                  kSeverity[static_cast<int>(level)], now.utc, now.microseconds);
  AppendQuoted(line, component.empty() ? "kubase" : component);
  line += ",\"message\":";
  AppendQuoted(line, message);
  for (const LogField& field : fields) {
    line += ',';
    AppendQuoted(line, field.name);
    line += ':';
    AppendQuoted(line, field.value);
  }
  line += '}';
  return line;
}

class SpdlogLog final : public Log {
 public:
  // shared: a log and its component logs write to the same spdlog logger and may end in any order.
  SpdlogLog(std::shared_ptr<spdlog::logger> logger, LogFormat format, std::string component)
      : logger_(std::move(logger)), format_(format), component_(std::move(component)) {}

  void Write(LogLevel level, std::string_view message, Fields fields) override {
    const auto spdlog_level = ToSpdlog(level);
    if (!logger_->should_log(spdlog_level)) return;
    const std::string line = format_ == LogFormat::kJson
                                 ? FormatJson(level, component_, message, fields)
                                 : FormatText(level, component_, message, fields);
    logger_->log(spdlog_level, spdlog::string_view_t(line));
  }

  std::unique_ptr<Log> WithComponent(std::string_view component) override {
    return std::make_unique<SpdlogLog>(logger_, format_, std::string(component));
  }

 private:
  const std::shared_ptr<spdlog::logger> logger_;
  const LogFormat format_;
  const std::string component_;
};

class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  using Function = std::function<void(LogLevel, const std::string&)>;
  explicit FunctionSink(Function function) : function_(std::move(function)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    function_(FromSpdlog(message.level),
              std::string(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

 private:
  const Function function_;
};

std::unique_ptr<Log> MakeLog(spdlog::sink_ptr sink, LogFormat format, LogLevel level) {
  auto logger = std::make_shared<spdlog::logger>("kubase", std::move(sink));
  logger->set_pattern("%v");
  logger->set_level(ToSpdlog(level));
  logger->flush_on(spdlog::level::info);
  return std::make_unique<SpdlogLog>(std::move(logger), format, "");
}

}  // namespace

std::unique_ptr<Log> OpenLog(const LogOptions& options) {
  if (!options.file.empty()) {
    try {
      return MakeLog(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
                         options.file, kFileBytesMax, kOldFilesKept),
                     options.format, options.level);
    } catch (const spdlog::spdlog_ex& failure) {
      auto log =
          MakeLog(std::make_shared<spdlog::sinks::stderr_sink_mt>(), options.format, options.level);
      log->Warning("cannot open the log file; logging to standard error instead",
                   {{"file", options.file}, {"cause", failure.what()}});
      return log;
    }
  }
  return MakeLog(std::make_shared<spdlog::sinks::stderr_sink_mt>(), options.format, options.level);
}

std::unique_ptr<Log> LogTo(std::function<void(LogLevel, const std::string&)> sink) {
  return MakeLog(std::make_shared<FunctionSink>(std::move(sink)), LogFormat::kText,
                 LogLevel::kDebug);
}

}  // namespace kubase
