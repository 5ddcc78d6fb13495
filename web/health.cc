// Text of the health endpoints.
#include "web/health.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

namespace kubase::web {
namespace {

// One check is one line, whatever its problem contains.
std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  return text;
}

std::string CheckLine(const Check& check, bool excluded) {
  if (excluded) return fmt::format("[+]{} excluded: ok\n", check.name);
  if (check.ok) return fmt::format("[+]{} ok\n", check.name);
  return fmt::format("[-]{} failed: {}\n", check.name, OneLine(check.problem));
}

}  // namespace

HealthAnswer AnswerHealth(const HealthRequest& request, const std::vector<Check>& checks) {
  HealthAnswer answer{.ok = true};
  std::vector<std::string> unknown = request.excluded;
  for (const Check& check : checks) {
    const bool excluded = std::find(request.excluded.begin(), request.excluded.end(), check.name) !=
                          request.excluded.end();
    unknown.erase(std::remove(unknown.begin(), unknown.end(), check.name), unknown.end());
    answer.ok = answer.ok && (check.ok || excluded);
    answer.text += CheckLine(check, excluded);
  }
  if (!unknown.empty()) {
    answer.text +=
        fmt::format("warn: some health checks cannot be excluded: no matches for \"{}\"\n",
                    OneLine(fmt::format("{}", fmt::join(unknown, "\",\""))));
  }
  if (answer.ok && !request.verbose) {
    answer.text = "ok";
    return answer;
  }
  answer.text += fmt::format("{} check {}\n", request.endpoint, answer.ok ? "passed" : "failed");
  return answer;
}

}  // namespace kubase::web
