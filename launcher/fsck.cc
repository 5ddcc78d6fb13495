// `kubase fsck`: checks the database of a server that does not run, and repairs its indexes.
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "launcher/config.h"
#include "launcher/data_dir.h"
#include "launcher/verbs.h"
#include "shim/store/attribute_check.h"
#include "shim/store/owner_check.h"
#include "web/format.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

std::string Summary(const store::AttributeReport& report) {
  std::string text = fmt::format("Checked {} of {} with {} in the index of labels and fields.\n",
                                 web::Plural(report.objects, "object", "objects"),
                                 web::Plural(report.kinds, "kind", "kinds"),
                                 web::Plural(report.entries, "entry", "entries"));
  if (report.unfinished > 0) {
    text += fmt::format("{} not indexed to the end yet; a server does that when it runs.\n",
                        web::Plural(report.unfinished, "kind is", "kinds are"));
  }
  return text;
}

std::string Faults(const store::AttributeReport& report) {
  std::string text;
  for (const std::string& sentence : report.told) text += sentence + "\n";
  const int64_t untold = report.faults - static_cast<int64_t>(report.told.size());
  if (untold > 0) text += fmt::format("… and {}\n", web::Plural(untold, "more", "more"));
  return text;
}

// Whether the file itself is sound; its index could not be judged, or repaired, otherwise.
Result<void> CheckFile(sql::Database& database, sql::Connection& connection) {
  KUBASE_ASSIGN_OR_RETURN(const std::vector<std::string> damages,
                          database.CheckIntegrity(connection));
  if (damages.empty()) return Ok();
  return Error{ErrorCode::kCorrupt,
               fmt::format("the file is damaged ({}); restore a snapshot of it into a new database "
                           "with \"kubase restore\"",
                           damages.front())};
}

struct CheckOutcome {
  std::string text;
  bool sound = false;
};

// The index of owners, which the collection of garbage goes by.
Result<CheckOutcome> CheckOwners(sql::Connection& connection, bool repair) {
  KUBASE_ASSIGN_OR_RETURN(store::OwnerReport report, store::CheckOwners(connection));
  CheckOutcome outcome{.sound = report.faults == 0};
  for (const std::string& sentence : report.told) outcome.text += sentence + "\n";
  if (!outcome.sound && repair) {
    KUBASE_TRY(store::RepairOwners(connection));
    KUBASE_ASSIGN_OR_RETURN(report, store::CheckOwners(connection));
    outcome.sound = report.faults == 0;
    outcome.text += "Repaired. ";
  }
  outcome.text += fmt::format("Checked {} to owners.\n",
                              web::Plural(report.references, "reference", "references"));
  if (outcome.sound) return outcome;
  outcome.text += fmt::format("Found {}; \"kubase fsck --repair\" mends the index of owners.\n",
                              web::Plural(report.faults, "fault", "faults"));
  return outcome;
}

Result<CheckOutcome> CheckIndex(sql::Connection& connection, bool repair) {
  KUBASE_ASSIGN_OR_RETURN(store::AttributeReport report, store::CheckAttributes(connection));
  CheckOutcome outcome{Faults(report) + Summary(report), report.faults == 0};
  if (outcome.sound) return outcome;
  if (!repair) {
    outcome.text +=
        fmt::format("Found {}; \"kubase fsck --repair\" makes the index of {} anew.\n",
                    web::Plural(report.faults, "fault", "faults"),
                    web::Plural(static_cast<int64_t>(report.to_repair.size()), "kind", "kinds"));
    return outcome;
  }
  KUBASE_TRY(store::RepairAttributes(connection, report.to_repair));
  KUBASE_ASSIGN_OR_RETURN(report, store::CheckAttributes(connection));
  outcome.sound = report.faults == 0;
  outcome.text += "Repaired. " + (outcome.sound ? Summary(report) : Faults(report));
  return outcome;
}

Result<CheckOutcome> Check(const Endpoint& endpoint, bool repair) {
  std::error_code ignored;
  if (endpoint.sqlite_file.empty()) {
    return Error{ErrorCode::kUnsupported,
                 "fsck is for SQLite; a database of a server would be taken away from the kubase "
                 "that has it"};
  }
  if (!fs::exists(endpoint.sqlite_file, ignored)) {
    return Error{ErrorCode::kNotFound,
                 "there is no database; name it with --endpoint or --data-dir"};
  }
  KUBASE_ASSIGN_OR_RETURN(const auto database, OpenDatabase(endpoint, nullptr));
  KUBASE_ASSIGN_OR_RETURN(const auto connection, database->Connect(sql::Access::kWrite));
  KUBASE_TRY(CheckFile(*database, *connection));
  KUBASE_ASSIGN_OR_RETURN(CheckOutcome outcome, CheckIndex(*connection, repair));
  KUBASE_ASSIGN_OR_RETURN(const CheckOutcome owners, CheckOwners(*connection, repair));
  return CheckOutcome{outcome.text + owners.text, outcome.sound && owners.sound};
}

Result<CheckOutcome> Fsck(const FsckFlags& flags, const Program& program) {
  KUBASE_ASSIGN_OR_RETURN(const DataPaths paths, ResolvePaths(flags.data_dir, program.user));
  KUBASE_ASSIGN_OR_RETURN(const Endpoint endpoint,
                          ParseEndpoint(flags.endpoint, paths.database_file));
  auto outcome = Check(endpoint, flags.repair);
  if (!outcome.ok()) return WithContext(std::move(outcome).error(), endpoint.display);
  return outcome;
}

}  // namespace

ExitCode RunFsck(const FsckFlags& flags, const Program& program) {
  const auto outcome = Fsck(flags, program);
  if (!outcome.ok()) return Fail(outcome.error());
  const ExitCode printed = Print(outcome->text);
  return outcome->sound ? printed : ExitCode::kFailure;
}

}  // namespace kubase::launcher
