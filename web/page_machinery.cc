// One card per process and per database.
#include "web/page_machinery.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "web/format.h"
#include "web/page_parts.h"
#include "web/summary.h"

namespace kubase::web {
namespace {

Look LookOf(ProcessState state) {
  switch (state) {
    case ProcessState::kReady:
      return kOk;
    case ProcessState::kStarting:
      return kWait;
    case ProcessState::kNotReady:
      return kWarn;
    case ProcessState::kBackingOff:
      return kDown;
    case ProcessState::kStopped:
      return kOff;
  }
  return kOff;
}

// Long lines are shown by their beginning; a stack of JSON must not make a page of megabytes.
std::string Shortened(const std::string& line) {
  constexpr size_t kShownMax = 2000;
  if (line.size() <= kShownMax) return line;
  size_t end = kShownMax;
  // Not in the middle of a UTF-8 character, whose further bytes are 10xxxxxx.
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return line.substr(0, end) + " ... (" +
         Plural(static_cast<int64_t>(line.size() - end), "more byte", "more bytes") + ")";
}

Html LogLines(const ProcessStatus& process, size_t index) {
  if (process.last_log_lines.empty()) return {};
  std::string text;
  for (const std::string& line : process.last_log_lines) text += Shortened(line) + "\n";
  // Who looks at a process that fails wants to see why at once.
  const bool failed = process.state == ProcessState::kBackingOff;
  return Render(
      "<details id=\"log-{}\" data-state=\"{}\"{}><summary id=\"log-{}-summary\">Last {}</summary>"
      "<pre id=\"log-{}-lines\" tabindex=\"0\" aria-label=\"Log of {}\">{}</pre></details>\n",
      index, StateWord(process.state), failed ? " open" : "", index,
      Plural(static_cast<int64_t>(process.last_log_lines.size()), "log line", "log lines"), index,
      process.name, text);
}

Html ProcessCard(const ProcessStatus& process, size_t index) {
  const bool runs = process.pid != 0;
  const std::string none = "\xe2\x80\x93";  // an en dash: does not apply
  const Html values = Render(
      "{}{}{}{}{}", Fact("PID", runs ? std::to_string(process.pid) : none),
      Fact("Running for", runs ? FormatDuration(process.running_for) : none),
      Fact("Restarts", FormatCount(process.restarts)),
      Fact("Memory", runs ? FormatBytes(process.rss_bytes) : none),
      Fact("CPU time",
           runs ? FormatDuration(std::chrono::seconds(static_cast<int64_t>(process.cpu_seconds)))
                : none));
  const Html last_exit =
      process.last_exit.empty()
          ? Html()
          : Render("<p class=\"note\"><b>Last end:</b> {}</p>\n", process.last_exit);
  return Render(
      "<article class=\"card\" id=\"process-{}\" data-block aria-labelledby=\"process-{}-name\">\n"
      "<div class=\"title\"><h3 id=\"process-{}-name\">{}</h3>{}</div>\n"
      "<dl class=\"values\">\n{}</dl>\n{}{}</article>\n",
      index, index, index, process.name, Pill(LookOf(process.state), StateWord(process.state)),
      values, last_exit, LogLines(process, index));
}

Html SizeMeter(const DatabaseStatus& database) {
  if (database.size_bytes <= 0) return {};
  const int64_t percent =
      std::clamp<int64_t>(database.size_in_use_bytes / (database.size_bytes / 100 + 1), 0, 100);
  return Render("<meter min=\"0\" max=\"100\" value=\"{}\" aria-label=\"In use\">{} %</meter>",
                percent, percent);
}

Html DatabaseCard(const DatabaseStatus& database, size_t index) {
  const Html pill = database.reachable ? Pill(kOk, "reachable") : Pill(kDown, "unreachable");
  const Html problem = database.problem.empty()
                           ? Html()
                           : Render("<p class=\"note\"><b>Problem:</b> {}</p>\n", database.problem);
  const Html leader = database.leader.empty()
                          ? Html()
                          : Render(
                                "<p class=\"note\">Standing by: requests go to the kubase at {}, "
                                "which leads this database.</p>\n",
                                database.leader);
  const bool compacted = database.compact_revision > 0;
  const int64_t lag = database.revision - (compacted ? database.compact_revision : 0);
  return Render(
      "<article class=\"card\" id=\"database-{}\" data-block "
      "aria-labelledby=\"database-{}-name\">\n"
      "<div class=\"title\"><h3 id=\"database-{}-name\">{}</h3>{}</div>\n"
      "<p class=\"dim small\">{} at {}</p>\n{}{}<dl class=\"values\">\n"
      "<div class=\"wide\"><dt>Size</dt><dd>{}, {} in use{}</dd></div>\n{}{}{}</dl></article>\n",
      index, index, index, database.name, pill, database.engine, database.location, problem, leader,
      FormatBytes(database.size_bytes), FormatBytes(database.size_in_use_bytes),
      SizeMeter(database), Fact("Revision", FormatCount(database.revision)),
      Fact("Compacted to", compacted ? FormatCount(database.compact_revision) : "never"),
      Fact("In history", FormatCount(lag)));
}

}  // namespace

Html RenderProcesses(const std::vector<ProcessStatus>& processes) {
  if (processes.empty()) return {};
  Html cards;
  for (size_t i = 0; i < processes.size(); ++i) cards += ProcessCard(processes[i], i);
  return Render(
      "<section aria-labelledby=\"processes\">\n<h2 id=\"processes\">Processes</h2>\n"
      "<div class=\"cards\">\n{}</div>\n</section>\n",
      cards);
}

Html RenderDatabases(const std::vector<DatabaseStatus>& databases) {
  if (databases.empty()) return {};
  Html cards;
  for (size_t i = 0; i < databases.size(); ++i) cards += DatabaseCard(databases[i], i);
  return Render(
      "<section aria-labelledby=\"databases\">\n<h2 id=\"databases\">{}</h2>\n"
      "<div class=\"cards\">\n{}</div>\n</section>\n",
      databases.size() == 1 ? "Database" : "Databases", cards);
}

}  // namespace kubase::web
