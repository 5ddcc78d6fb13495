// Translations from the store's own words to those that people read.
#include "launcher/live_preview.h"

#include <chrono>
#include <string>
#include <utility>

namespace kubase::launcher {
namespace {

using By = store::DeletionEffect::By;
using Outcome = store::DeletionEffect::Outcome;

// More than large graphs take; who asks is waiting for it.
constexpr std::chrono::minutes kPatience{1};

collect::Propagation PropagationOf(web::Cascade cascade) {
  switch (cascade) {
    case web::Cascade::kForeground:
      return collect::Propagation::kForeground;
    case web::Cascade::kOrphan:
      return collect::Propagation::kOrphan;
    default:
      return collect::Propagation::kBackground;
  }
}

std::string WordOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kBlocked:
      return "blocked";
    case Outcome::kOrphaned:
      return "orphaned";
    case Outcome::kDetached:
      return "detached";
    case Outcome::kLeftAlone:
      return "left alone";
    default:
      return "deleted";
  }
}

std::string WordOf(By by) {
  switch (by) {
    case By::kRequest:
      return "the request";
    case By::kControllerManager:
      return "kube-controller-manager";
    default:
      return "storage";
  }
}

web::PreviewEffect ToWeb(store::DeletionEffect effect) {
  return {.outcome = WordOf(effect.outcome),
          .group = std::move(effect.object.group),
          .kind = std::move(effect.object.kind),
          .name_space = std::move(effect.object.name_space),
          .name = std::move(effect.object.name),
          .by = WordOf(effect.by),
          .why = std::move(effect.why)};
}

}  // namespace

Result<web::Preview> LivePreview::ReadPreview(const web::PreviewQuery& query) {
  KUBASE_ASSIGN_OR_RETURN(store::DeletionPreview found,
                          storage_.PreviewDeletion({.kind = query.kind,
                                                    .name_space = query.name_space,
                                                    .name = query.name,
                                                    .propagation = PropagationOf(query.cascade),
                                                    .limit = query.limit},
                                                   kPatience));
  web::Preview preview{.revision = found.revision,
                       .deleted = found.TotalOf(Outcome::kDeleted),
                       .blocked = found.TotalOf(Outcome::kBlocked),
                       .orphaned = found.TotalOf(Outcome::kOrphaned),
                       .detached = found.TotalOf(Outcome::kDetached),
                       .left_alone = found.TotalOf(Outcome::kLeftAlone),
                       .complete = found.complete};
  preview.effects.reserve(found.effects.size());
  for (store::DeletionEffect& effect : found.effects) {
    preview.effects.push_back(ToWeb(std::move(effect)));
  }
  return preview;
}

}  // namespace kubase::launcher
