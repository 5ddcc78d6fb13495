// Columns as wide as what is in them, and the totals.
#include "launcher/preview_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "web/format.h"

namespace kubase::launcher {
namespace {

std::string NameOf(const web::PreviewEffect& effect) {
  return fmt::format("{} {}{}{}", effect.kind, effect.name_space,
                     effect.name_space.empty() ? "" : "/", effect.name);
}

struct Widths {
  size_t outcome = std::string_view("OUTCOME").size();
  size_t object = std::string_view("OBJECT").size();
  size_t by = std::string_view("BY").size();
};

std::string Row(const Widths& widths, const std::string& outcome, const std::string& object,
                const std::string& by, const std::string& why) {
  return fmt::format("{:<{}}  {:<{}}  {:<{}}  {}\n", outcome, widths.outcome, object, widths.object,
                     by, widths.by, why);
}

}  // namespace

std::string RenderPreviewTable(const web::Preview& preview) {
  Widths widths;
  for (const web::PreviewEffect& effect : preview.effects) {
    widths.outcome = std::max(widths.outcome, effect.outcome.size());
    widths.object = std::max(widths.object, NameOf(effect).size());
    widths.by = std::max(widths.by, effect.by.size());
  }
  std::string text = Row(widths, "OUTCOME", "OBJECT", "BY", "WHY");
  for (const web::PreviewEffect& effect : preview.effects) {
    text += Row(widths, effect.outcome, NameOf(effect), effect.by, effect.why);
  }
  const int64_t more = preview.Total() - static_cast<int64_t>(preview.effects.size());
  if (more > 0) text += fmt::format("… and {} more; --limit shows more of them\n", more);
  if (!preview.complete) {
    text += "Owners are still being looked for in an older database; there may be more.\n";
  }
  return text + fmt::format("{} deleted, {} blocked, {} orphaned, {} detached, {} left alone\n",
                            web::FormatCount(preview.deleted), web::FormatCount(preview.blocked),
                            web::FormatCount(preview.orphaned), web::FormatCount(preview.detached),
                            web::FormatCount(preview.left_alone));
}

}  // namespace kubase::launcher
