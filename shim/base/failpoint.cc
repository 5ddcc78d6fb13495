// The names, the parser of KUBASE_FAILPOINTS and the two things that can happen.
#include "shim/base/failpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace kubase {
namespace {

constexpr size_t kFailpoints = static_cast<size_t>(Failpoint::kCount);

constexpr std::array<const char*, kFailpoints> kNames = {
    "writer.taken",
    "writer.begun",
    "writer.applied",
    "writer.attributes-flushed",
    "writer.history-flushed",
    "writer.objects-flushed",
    "writer.leases-flushed",
    "writer.meta-written",
    "writer.committed",
    "writer.published",
    "writer.answered",
    "compaction.taken",
    "compaction.step",
    "compaction.ended",
    "space.reclaim-step",
    "defragment.begun",
    "defragment.ended",
    "lease.expired",
    "lease.applied",
    "collection.applied",
    "watch.dispatch",
    "watch.catch-up",
    "snapshot.page",
    "schema.step",
    "schema.ready",
    "store.opened",
};

struct Armed {
  std::atomic<int> signal{0};  // 0: not armed
  std::atomic<int64_t> remaining{0};
};

std::array<Armed, kFailpoints>& Table() {
  static std::array<Armed, kFailpoints> table;
  return table;
}

Error Malformed(std::string_view item) {
  return {
      ErrorCode::kInvalidArgument,
      fmt::format("KUBASE_FAILPOINTS: \"{}\" is not NAME=crash[@N] or NAME=stop[@N]; the names: {}",
                  item, fmt::join(kNames, ", "))};
}

Result<void> ArmOne(std::string_view item) {
  const size_t equals = std::min(item.find('='), item.size());
  const auto* name = std::find(kNames.begin(), kNames.end(), item.substr(0, equals));
  if (name == kNames.end() || equals == item.size()) return Malformed(item);
  std::string_view action = item.substr(equals + 1);
  int64_t nth = 1;
  if (const size_t at = action.find('@'); at != std::string_view::npos) {
    const std::string_view digits = action.substr(at + 1);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), nth);
    if (error != std::errc() || end != digits.end() || nth < 1) return Malformed(item);
    action = action.substr(0, at);
  }
  if (action != "crash" && action != "stop") return Malformed(item);
  Armed& armed = Table()[static_cast<size_t>(name - kNames.begin())];
  armed.remaining = nth;
  armed.signal = action == "crash" ? SIGKILL : SIGSTOP;
  return Ok();
}

}  // namespace

namespace internal {

std::atomic<bool> failpoints_armed{false};

void ReachArmedFailpoint(Failpoint failpoint) {
  Armed& armed = Table()[static_cast<size_t>(failpoint)];
  const int signal = armed.signal;
  if (signal == 0 || --armed.remaining != 0) return;
  // Of several threads that stop the process at the same time, a watcher from outside sees one.
  const std::string line =
      fmt::format("failpoint {}: reached\n", kNames[static_cast<size_t>(failpoint)]);
  KUBASE_CHECK(::write(STDERR_FILENO, line.data(), line.size()) ==
               static_cast<ssize_t>(line.size()));
  ::raise(signal);
}

}  // namespace internal

Result<void> ArmFailpoints(std::string_view spec) {
  while (!spec.empty()) {
    const size_t comma = std::min(spec.find(','), spec.size());
    KUBASE_TRY(ArmOne(spec.substr(0, comma)));
    internal::failpoints_armed = true;
    spec.remove_prefix(std::min(comma + 1, spec.size()));
  }
  return Ok();
}

}  // namespace kubase
