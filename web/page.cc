// The sections of the page, in the order of the screen.
#include "web/page.h"

#include <algorithm>

#include "web/assets.h"
#include "web/format.h"
#include "web/html.h"
#include "web/page_kinds.h"
#include "web/summary.h"

namespace kubase::web {
namespace {

// A state's look: an icon of page.html and a colour of page.css, always beside a word.
struct Look {
  std::string_view icon;
  std::string_view style;
};
constexpr Look kOk{"ok", "ok"};
constexpr Look kWarn{"warn", "warn"};
constexpr Look kDown{"down", "down"};
constexpr Look kWait{"wait", "wait"};
constexpr Look kOff{"off", "off"};

Html Icon(const Look& look) {
  return Render(R"(<svg class="icon {}" aria-hidden="true"><use href="#icon-{}"/></svg>)",
                look.style, look.icon);
}

Html Pill(const Look& look, std::string_view word) {
  return Render(R"(<span class="pill {}">{}{}</span>)", look.style, Icon(look), word);
}

Html Fact(std::string_view name, std::string_view value) {
  if (value.empty()) return {};
  return Render("<div><dt>{}</dt><dd>{}</dd></div>\n", name, value);
}

Look LookOf(Level level) {
  switch (level) {
    case Level::kHealthy:
      return kOk;
    case Level::kDegraded:
      return kWarn;
    case Level::kDown:
      return kDown;
  }
  return kDown;
}

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

// Quoted for a POSIX shell, if it has to be.
std::string ShellWord(const std::string& text) {
  static constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// --- 1. One sentence ---

// The sentence tells the first problem already.
Html OtherProblems(const Summary& summary) {
  if (summary.problems.size() < 2) return {};
  Html items;
  for (size_t i = 1; i < summary.problems.size(); ++i) {
    items += Render("<li>{}<span>{}</span></li>\n", Icon(kWarn), summary.problems[i]);
  }
  return Render("<ul class=\"problems\" aria-label=\"Other problems\">\n{}</ul>\n", items);
}

Html CheckList(const std::vector<Check>& checks) {
  if (checks.empty()) return {};
  const auto passed =
      std::count_if(checks.begin(), checks.end(), [](const Check& check) { return check.ok; });
  Html items;
  for (const Check& check : checks) {
    const Look look = check.ok ? kOk : kDown;
    items +=
        Render("<li>{}<span><b>{}</b> {}{}{}</span></li>\n", Icon(look), check.name,
               check.ok ? "passes" : "fails", check.problem.empty() ? "" : ": ", check.problem);
  }
  return Render(
      "<details id=\"checks\"><summary id=\"checks-summary\">{} of {} pass</summary>\n"
      "<ul class=\"problems small\">\n{}</ul></details>\n",
      passed, Plural(static_cast<int64_t>(checks.size()), "readiness check", "readiness checks"),
      items);
}

Html Command(const ApplianceStatus& status) {
  if (status.kubeconfig_path.empty()) return {};
  return Render(
      "<div class=\"command\"><code id=\"kubectl\">kubectl --kubeconfig={} get pods -A</code>"
      "<button type=\"button\" id=\"copy-kubectl\" data-copy=\"kubectl\" aria-live=\"polite\" "
      "hidden>Copy</button></div>\n",
      ShellWord(status.kubeconfig_path));
}

Html Hero(const ApplianceStatus& status, const Summary& summary) {
  const Html facts =
      Render("{}{}{}", Fact("Uptime", FormatDuration(status.uptime)),
             Fact("Kubernetes API", status.server_url), Fact("Data directory", status.data_dir));
  return Render(
      "<section class=\"card hero\" id=\"summary\" data-block aria-labelledby=\"sentence\">\n"
      "<div class=\"sentence\">{}<h1 id=\"sentence\">{}</h1></div>\n"
      "{}<dl class=\"facts\">\n{}</dl>\n{}{}</section>\n",
      Icon(LookOf(summary.level)), summary.sentence, OtherProblems(summary), facts, Command(status),
      CheckList(status.checks));
}

// --- 2. Processes ---

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
          : Render("<p class=\"note\"><b>Last exit:</b> {}</p>\n", process.last_exit);
  return Render(
      "<article class=\"card\" id=\"process-{}\" data-block aria-labelledby=\"process-{}-name\">\n"
      "<div class=\"title\"><h3 id=\"process-{}-name\">{}</h3>{}</div>\n"
      "<dl class=\"values\">\n{}</dl>\n{}{}</article>\n",
      index, index, index, process.name, Pill(LookOf(process.state), StateWord(process.state)),
      values, last_exit, LogLines(process, index));
}

Html Processes(const std::vector<ProcessStatus>& processes) {
  if (processes.empty()) return {};
  Html cards;
  for (size_t i = 0; i < processes.size(); ++i) cards += ProcessCard(processes[i], i);
  return Render(
      "<section aria-labelledby=\"processes\">\n<h2 id=\"processes\">Processes</h2>\n"
      "<div class=\"cards\">\n{}</div>\n</section>\n",
      cards);
}

// --- 3. Databases ---

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
  const int64_t lag = database.revision - database.compact_revision;
  return Render(
      "<article class=\"card\" id=\"database-{}\" data-block "
      "aria-labelledby=\"database-{}-name\">\n"
      "<div class=\"title\"><h3 id=\"database-{}-name\">{}</h3>{}</div>\n"
      "<p class=\"dim small\">{} at {}</p>\n{}<dl class=\"values\">\n"
      "<div class=\"wide\"><dt>Size</dt><dd>{}, {} in use{}</dd></div>\n{}{}{}</dl></article>\n",
      index, index, index, database.name, pill, database.engine, database.location, problem,
      FormatBytes(database.size_bytes), FormatBytes(database.size_in_use_bytes),
      SizeMeter(database), Fact("Revision", FormatCount(database.revision)),
      Fact("Compacted to", FormatCount(database.compact_revision)),
      Fact("In history", FormatCount(lag)));
}

Html Databases(const std::vector<DatabaseStatus>& databases) {
  if (databases.empty()) return {};
  Html cards;
  for (size_t i = 0; i < databases.size(); ++i) cards += DatabaseCard(databases[i], i);
  return Render(
      "<section aria-labelledby=\"databases\">\n<h2 id=\"databases\">{}</h2>\n"
      "<div class=\"cards\">\n{}</div>\n</section>\n",
      databases.size() == 1 ? "Database" : "Databases", cards);
}

// --- 4. Traffic ---

Html Tile(std::string_view name, const std::string& value, const std::string& remark = "") {
  const Html small =
      remark.empty() ? Html() : Render(" <span class=\"small dim\">{}</span>", remark);
  return Render("<div class=\"card\"><dt>{}</dt><dd>{}{}</dd></div>\n", name, value, small);
}

Html Traffic(const TrafficStatus& traffic) {
  const std::string slow =
      traffic.slow_watchers == 0 ? "" : FormatCount(traffic.slow_watchers) + " behind";
  return Render(
      "<section id=\"traffic\" data-block aria-labelledby=\"traffic-heading\">\n"
      "<h2 id=\"traffic-heading\">Requests and watchers</h2>\n<dl "
      "class=\"tiles\">\n{}{}{}{}{}</dl>\n"
      "</section>\n",
      Tile("Requests/s", FormatRate(traffic.requests_per_second)),
      Tile("Requests", FormatCount(traffic.requests_total)),
      Tile("Failed", FormatCount(traffic.requests_failed_total)),
      Tile("Watchers", FormatCount(traffic.watchers), slow),
      Tile("Leases", FormatCount(traffic.leases)));
}

// --- 6. Certificates ---

Html DaysLeftCell(const CertificateStatus& certificate, WallTime now) {
  const int64_t days = DaysLeft(certificate, now);
  const auto word = [](const Look& look, const std::string& text) {
    return Render("<span class=\"word {}\">{}{}</span>", look.style, Icon(look), text);
  };
  if (days < 0) return word(kDown, "ended " + Plural(-days, "day", "days") + " ago");
  const std::string left = Plural(days, "day", "days") + " left";
  if (days < kCertificateWarningDays) return word(kWarn, left + ", renew soon");
  return word(kOk, left);
}

Html Certificates(std::vector<CertificateStatus> certificates, WallTime now) {
  if (certificates.empty()) return {};
  std::sort(certificates.begin(), certificates.end(),
            [](const auto& a, const auto& b) { return a.not_after < b.not_after; });
  Html rows;
  for (const CertificateStatus& certificate : certificates) {
    rows += Render(
        "<tr><th scope=\"row\" title=\"{}\">{}</th><td>{}<br>"
        "<span class=\"small dim\">until {}</span></td></tr>\n",
        certificate.path, certificate.name, DaysLeftCell(certificate, now),
        FormatDate(certificate.not_after));
  }
  return Render(
      "<section aria-labelledby=\"certificates\">\n<h2 id=\"certificates\">Certificates</h2>\n"
      "<div class=\"card\" id=\"certificates-table\" data-block><table>\n"
      "<caption>Those that end first come first</caption>\n"
      "<thead><tr><th scope=\"col\">Certificate</th><th scope=\"col\">Valid</th></tr></thead>\n"
      "<tbody>\n{}</tbody></table></div>\n</section>\n",
      rows);
}

std::string Versions(const ApplianceStatus& status) {
  std::string text = "Version " + status.version;
  if (!status.kubernetes_version.empty()) text += ", Kubernetes " + status.kubernetes_version;
  return text;
}

std::string_view IconFile(Level level) {
  switch (level) {
    case Level::kHealthy:
      return "icon-healthy.svg";
    case Level::kDegraded:
      return "icon-degraded.svg";
    case Level::kDown:
      return "icon-down.svg";
  }
  return "icon-down.svg";
}

std::string_view LevelAttribute(Level level) {
  switch (level) {
    case Level::kHealthy:
      return "healthy";
    case Level::kDegraded:
      return "degraded";
    case Level::kDown:
      return "down";
  }
  return "down";
}

}  // namespace

std::string RenderPage(const ApplianceStatus& status, WallTime now) {
  const Summary summary = Summarize(status, now);
  Html content = Hero(status, summary);
  content += Processes(status.processes);
  content += Databases(status.databases);
  content += Traffic(status.traffic);
  content += Render("<div class=\"columns\">\n{}{}</div>\n", RenderKinds(status.kinds),
                    Certificates(status.certificates, now));
  const auto escaped = [](std::string_view text) { return Escape(text).markup(); };
  return fmt::format(
      fmt::runtime(PageTemplate()), fmt::arg("level", LevelAttribute(summary.level)),
      fmt::arg("title", escaped(LevelWord(summary.level)) + " \xc2\xb7 kubase"),
      fmt::arg("icon", AssetOf(IconFile(summary.level)).path),
      fmt::arg("css", AssetOf("page.css").path), fmt::arg("js", AssetOf("page.js").path),
      fmt::arg("versions", escaped(Versions(status))), fmt::arg("content", content.markup()),
      fmt::arg("datetime", escaped(FormatTime(now))),
      fmt::arg("read_at", escaped(FormatTime(now))));
}

}  // namespace kubase::web
