// Finalizers say what becomes of the dependents, and for whom the object waits.
#include "shim/store/deletion_finding.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "shim/store/kind.h"

namespace kubase::store {

using collect::Propagation;

DeletionFinding FindEnding(std::vector<std::string> finalizers, std::string why) {
  DeletionFinding finding{.why = std::move(why)};
  if (std::erase(finalizers, collect::kForegroundFinalizer) > 0) {
    finding.propagation = Propagation::kForeground;
  }
  // As upstream, orphaning alone when there are both.
  if (std::erase(finalizers, collect::kOrphanFinalizer) > 0) {
    finding.propagation = Propagation::kOrphan;
  }
  if (!finalizers.empty()) {
    finding.outcome = DeletionEffect::Outcome::kBlocked;
    finding.why += fmt::format("; waits for finalizers {}", fmt::join(finalizers, ", "));
  }
  return finding;
}

DeletionFinding FindDeletion(const KeyValue& pair, const collect::ObjectMetadata& object,
                             Propagation propagation, std::string why, int64_t now) {
  const std::string prefix = KindOfKey(pair.key).range.key;
  const int64_t grace = collect::GraceSecondsOf(prefix, pair.value).value_or(0);
  const std::optional<collect::MetadataEdit> edit =
      collect::EditForDeletion(object, propagation, grace, now);
  std::vector<std::string> finalizers;
  if (edit) finalizers = edit->finalizers.value_or(object.finalizers);
  DeletionFinding finding = FindEnding(std::move(finalizers), std::move(why));
  if (edit && edit->deletion && edit->deletion->grace_seconds > 0) {
    finding.why += fmt::format("; has {} s to end", edit->deletion->grace_seconds);
  }
  if (prefix == kNamespacesPrefix) finding.why += "; what is in it goes too, and is not listed";
  return finding;
}

}  // namespace kubase::store
