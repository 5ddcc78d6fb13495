// Rules of the one sentence.
#include "web/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "web/format.h"

namespace kubase::web {
namespace {

// The process without which nobody can use the cluster.
constexpr std::string_view kApiServer = "kube-apiserver";

struct Problems {
  std::vector<std::string> down;
  std::vector<std::string> degraded;
  std::vector<std::string> subjects;  // names that were spoken of

  void Add(bool is_down, const std::string& subject, std::string clause) {
    (is_down ? down : degraded).push_back(std::move(clause));
    subjects.push_back(subject);
  }
  // A check often repeats what its process or database has told already.
  bool Cover(const Check& check) const {
    const auto names = [&](const std::string& subject) {
      return !subject.empty() && check.name.find(subject) != std::string::npos;
    };
    const auto tells = [&](const std::string& clause) {
      return !check.problem.empty() && clause.find(check.problem) != std::string::npos;
    };
    return std::any_of(subjects.begin(), subjects.end(), names) ||
           std::any_of(down.begin(), down.end(), tells) ||
           std::any_of(degraded.begin(), degraded.end(), tells);
  }
};

// A clause in the middle of a sentence carries no full stop of its own.
std::string WithoutFullStop(std::string text) {
  while (!text.empty() && (text.back() == '.' || text.back() == '\n')) text.pop_back();
  return text;
}

std::string Because(const std::string& clause, const std::string& reason) {
  return reason.empty() ? clause : clause + ": " + WithoutFullStop(reason);
}

void JudgeDatabases(const ApplianceStatus& status, Problems& problems) {
  const bool any_reachable =
      std::any_of(status.databases.begin(), status.databases.end(),
                  [](const DatabaseStatus& database) { return database.reachable; });
  for (const DatabaseStatus& database : status.databases) {
    const std::string name = "the database " + database.name;
    if (!database.reachable) {
      problems.Add(!any_reachable, database.name,
                   Because(name + " cannot be reached", database.problem));
    } else if (!database.problem.empty()) {
      problems.Add(false, database.name, Because(name + " has a problem", database.problem));
    }
  }
}

// " 3 times"; once goes without saying.
std::string HowOften(int ends) {
  return ends == 1 ? "" : fmt::format(" {} times", FormatCount(ends));
}

std::string ProcessClause(const ProcessStatus& process) {
  switch (process.state) {
    case ProcessState::kReady:
      return "";
    case ProcessState::kStarting:
      return process.name + " is starting";
    case ProcessState::kNotReady:
      return process.name + " runs but is not ready";
    case ProcessState::kBackingOff:
      return Because(fmt::format("{} has ended{} and will be restarted", process.name,
                                 HowOften(process.restarts + 1)),
                     process.last_exit);
    case ProcessState::kStopped:
      return Because(process.name + " is stopped", process.last_exit);
  }
  return "";
}

void JudgeProcesses(const ApplianceStatus& status, Problems& problems) {
  for (const ProcessStatus& process : status.processes) {
    std::string clause = ProcessClause(process);
    if (clause.empty()) continue;
    const bool gone =
        process.state == ProcessState::kBackingOff || process.state == ProcessState::kStopped;
    problems.Add(gone && process.name == kApiServer, process.name, std::move(clause));
  }
}

void JudgeCertificates(const ApplianceStatus& status, WallTime now, Problems& problems) {
  for (const CertificateStatus& certificate : status.certificates) {
    if (certificate.not_after > now) continue;
    problems.Add(false, "",
                 fmt::format("the certificate \"{}\" ended on {}", certificate.name,
                             FormatDate(certificate.not_after)));
  }
}

// After the others, which explain more.
void JudgeChecks(const ApplianceStatus& status, Problems& problems) {
  for (const Check& check : status.checks) {
    if (check.ok || problems.Cover(check)) continue;
    problems.Add(false, "", Because("the check \"" + check.name + "\" fails", check.problem));
  }
}

// "both processes", "all 3 processes".
std::string All(size_t count, const std::string& things) {
  return count == 2 ? "both " + things : fmt::format("all {} {}", count, things);
}

std::string HealthySentence(const ApplianceStatus& status) {
  const size_t databases = status.databases.size();
  const std::string stored =
      databases == 1 ? "the database answers" : All(databases, "databases") + " answer";
  const size_t processes = status.processes.size();
  if (processes == 0) return databases == 0 ? "Healthy." : "Healthy: " + stored + ".";
  const std::string ready = processes == 1 ? status.processes.front().name + " is ready"
                                           : All(processes, "processes") + " are ready";
  if (databases == 0) return "Healthy: " + ready + ".";
  return "Healthy: " + ready + " and " + stored + ".";
}

}  // namespace

Summary Summarize(const ApplianceStatus& status, WallTime now) {
  Problems found;
  JudgeDatabases(status, found);
  JudgeProcesses(status, found);
  JudgeCertificates(status, now, found);
  JudgeChecks(status, found);

  Summary summary;
  summary.problems = std::move(found.down);
  summary.level = !summary.problems.empty() ? Level::kDown
                  : !found.degraded.empty() ? Level::kDegraded
                                            : Level::kHealthy;
  summary.problems.insert(summary.problems.end(), found.degraded.begin(), found.degraded.end());
  if (summary.problems.empty()) {
    summary.sentence = HealthySentence(status);
    return summary;
  }
  const auto others = static_cast<int64_t>(summary.problems.size()) - 1;
  summary.sentence =
      fmt::format("{} because {}.", LevelWord(summary.level), summary.problems.front());
  if (others > 0) {
    summary.sentence += fmt::format(" There {} {}.", others == 1 ? "is" : "are",
                                    Plural(others, "more problem", "more problems"));
  }
  return summary;
}

std::string_view LevelWord(Level level) {
  switch (level) {
    case Level::kHealthy:
      return "Healthy";
    case Level::kDegraded:
      return "Degraded";
    case Level::kDown:
      return "Down";
  }
  return "Down";
}

std::string_view StateWord(ProcessState state) {
  switch (state) {
    case ProcessState::kStarting:
      return "starting";
    case ProcessState::kReady:
      return "ready";
    case ProcessState::kNotReady:
      return "not ready";
    case ProcessState::kBackingOff:
      return "waiting to restart";
    case ProcessState::kStopped:
      return "stopped";
  }
  return "stopped";
}

int64_t DaysLeft(const CertificateStatus& certificate, WallTime now) {
  return std::chrono::floor<std::chrono::days>(certificate.not_after - now).count();
}

}  // namespace kubase::web
