// `kubase restore`: brings a snapshot, as `etcdctl snapshot save` writes it, into a new database.
#include "shim/store/restore.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>

#include "launcher/config.h"
#include "launcher/data_dir.h"
#include "launcher/files.h"
#include "launcher/verbs.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/store/leader_election.h"
#include "shim/wire/snapshot_stream.h"
#include "web/format.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

// etcd appends the SHA-256 to a stream of whole sectors.
constexpr uintmax_t kSectorBytes = 512;
constexpr size_t kChecksumBytes = 32;
constexpr uintmax_t kPartBytes = 1 << 16;  // read at once

Error NotASnapshot(const fs::path& file, const std::string& why) {
  return {ErrorCode::kCorrupt, fmt::format("{} {}; take the snapshot again with \"etcdctl snapshot "
                                           "save\"",
                                           file.string(), why)};
}

// The checksum at the end fits the content.
Result<void> VerifyChecksum(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::error_code error;
  const uintmax_t size = fs::file_size(file, error);
  if (!stream || error) {
    return Error{ErrorCode::kNotFound, "cannot read the snapshot " + file.string()};
  }
  if (size % kSectorBytes != kChecksumBytes) {
    return NotASnapshot(file, "has no checksum at its end");
  }
  wire::SnapshotDigest digest;
  std::string part;
  for (uintmax_t rest = size - kChecksumBytes; rest > 0 && stream; rest -= part.size()) {
    part.resize(std::min<uintmax_t>(rest, kPartBytes));
    stream.read(part.data(), static_cast<std::streamsize>(part.size()));
    KUBASE_TRY(digest.Add(part));
  }
  std::string stored(kChecksumBytes, '\0');
  stream.read(stored.data(), kChecksumBytes);
  KUBASE_ASSIGN_OR_RETURN(const std::string computed, digest.Finish());
  if (stream && computed == stored) return Ok();
  return NotASnapshot(file, "does not fit its checksum: it is damaged or was changed");
}

Result<int64_t> ParseBump(const std::string& text) {
  int64_t bump = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bump);
  if (error == std::errc() && end == text.data() + text.size() && bump >= 0) return bump;
  return Error{ErrorCode::kInvalidArgument,
               "--bump-revision \"" + text + "\" is not a number of revisions; give 0 or more"};
}

Result<std::string> Restore(const RestoreFlags& flags, const Program& program) {
  KUBASE_ASSIGN_OR_RETURN(const DataPaths paths, ResolvePaths(flags.data_dir, program.user));
  KUBASE_ASSIGN_OR_RETURN(const Endpoint endpoint,
                          ParseEndpoint(flags.endpoint, paths.database_file));
  KUBASE_ASSIGN_OR_RETURN(const int64_t bump, ParseBump(flags.bump_revision));
  KUBASE_TRY(VerifyChecksum(flags.file));
  KUBASE_ASSIGN_OR_RETURN(const auto database, OpenDatabase(endpoint, nullptr));
  const SystemClock clock;
  const auto log = OpenLog({});
  store::LeaderElection election({}, *database, clock, *log);
  if (auto leads = election.TakeUnlessAlive(); !leads.ok()) {
    return WithContext(std::move(leads).error(), endpoint.display);
  }
  KUBASE_ASSIGN_OR_RETURN(const auto connection, database->Connect(sql::Access::kWrite));
  std::ifstream snapshot(flags.file, std::ios::binary);
  auto restored = store::RestoreSnapshot(snapshot, bump, *connection);
  if (!restored.ok()) return WithContext(std::move(restored).error(), endpoint.display);
  return fmt::format(
      "Restored {} and {} at revision {} into {}.\n", web::Plural(restored->pairs, "key", "keys"),
      web::Plural(restored->leases, "lease", "leases"), restored->revision, endpoint.display);
}

}  // namespace

ExitCode RunRestore(const RestoreFlags& flags, const Program& program) {
  const auto restored = Restore(flags, program);
  return restored.ok() ? Print(*restored) : Fail(restored.error());
}

}  // namespace kubase::launcher
