// The sections of the page, in the order of the screen.
#include "web/page.h"

#include <algorithm>

#include "web/assets.h"
#include "web/format.h"
#include "web/html.h"
#include "web/page_kinds.h"
#include "web/page_machinery.h"
#include "web/page_parts.h"
#include "web/summary.h"

namespace kubase::web {
namespace {

// Characters from which on the sentence is set in smaller type.
constexpr size_t kLongSentence = 100;

// How the page as a whole shows its level.
struct LevelLook {
  Look look;
  std::string_view attribute;  // the style sheets colour by it, page.js carries it over
  std::string_view tab_icon;
};

LevelLook LookOf(Level level) {
  switch (level) {
    case Level::kHealthy:
      return {kOk, "healthy", "icon-healthy.svg"};
    case Level::kDegraded:
      return {kWarn, "degraded", "icon-degraded.svg"};
    case Level::kDown:
      break;
  }
  return {kDown, "down", "icon-down.svg"};
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
      "<details id=\"checks\"><summary id=\"checks-summary\">Readiness checks passed: {} of {}"
      "</summary>\n<ul class=\"problems small\">\n{}</ul></details>\n",
      passed, checks.size(), items);
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
      "<div class=\"sentence{}\">{}<h1 id=\"sentence\">{}</h1></div>\n"
      "{}<dl class=\"facts\">\n{}</dl>\n{}{}</section>\n",
      summary.sentence.size() > kLongSentence ? " long" : "", Icon(LookOf(summary.level).look),
      summary.sentence, OtherProblems(summary), facts, Command(status), CheckList(status.checks));
}

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
      "<h2 id=\"traffic-heading\">Requests and watchers</h2>\n"
      "<dl class=\"tiles\">\n{}{}{}{}{}</dl>\n</section>\n",
      Tile("Requests/s", FormatRate(traffic.requests_per_second)),
      Tile("Requests", FormatCount(traffic.requests_total)),
      Tile("Failed", FormatCount(traffic.requests_failed_total)),
      Tile("Watchers", FormatCount(traffic.watchers), slow),
      Tile("Leases", FormatCount(traffic.leases)));
}

Html DaysLeftCell(const CertificateStatus& certificate, WallTime now) {
  const int64_t days = DaysLeft(certificate, now);
  const auto word = [](const Look& look, const std::string& text) {
    return Render("<span class=\"word {}\">{}{}</span>", look.style, Icon(look), text);
  };
  if (days < 0) return word(kDown, "ended " + Plural(-days, "day", "days") + " ago");
  const std::string left = Plural(days, "day", "days") + " left";
  if (days < kCertificateWarningDays) return word(kWarn, left + ", renewal is due");
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

}  // namespace

std::string RenderPage(const ApplianceStatus& status, WallTime now) {
  const Summary summary = Summarize(status, now);
  Html content = Hero(status, summary);
  content += RenderProcesses(status.processes);
  content += RenderDatabases(status.databases);
  content += Traffic(status.traffic);
  content += Render("<div class=\"columns\">\n{}{}</div>\n", RenderKinds(status.kinds),
                    Certificates(status.certificates, now));
  const LevelLook look = LookOf(summary.level);
  const auto escaped = [](std::string_view text) { return Escape(text).markup(); };
  return fmt::format(
      fmt::runtime(PageTemplate()), fmt::arg("level", look.attribute),
      fmt::arg("title", escaped(LevelWord(summary.level)) + " \xc2\xb7 kubase"),
      fmt::arg("icon", AssetOf(look.tab_icon).path),
      fmt::arg("theme_css", AssetOf("theme.css").path),
      fmt::arg("page_css", AssetOf("page.css").path),
      fmt::arg("parts_css", AssetOf("parts.css").path),
      fmt::arg("page_js", AssetOf("page.js").path), fmt::arg("versions", escaped(Versions(status))),
      fmt::arg("content", content.markup()), fmt::arg("read_at", escaped(FormatTime(now))));
}

}  // namespace kubase::web
