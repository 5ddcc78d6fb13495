// Kinds by count, folded by API group.
#include "web/page_kinds.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "web/format.h"

namespace kubase::web {
namespace {

// "shirts.stable.example.com" is shirts of stable.example.com; "pods" has no group.
std::string_view GroupOf(const KindCount& kind) {
  const size_t dot = kind.resource.find('.');
  return dot == std::string::npos ? std::string_view()
                                  : std::string_view(kind.resource).substr(dot + 1);
}

Html Row(const KindCount& kind) {
  const std::string_view group = GroupOf(kind);
  const std::string_view name = std::string_view(kind.resource).substr(0, kind.resource.find('.'));
  const Html dim = group.empty() ? Html() : Render("<span class=\"dim\">.{}</span>", group);
  return Render("<tr><th scope=\"row\">{}{}</th><td class=\"number\">{}</td></tr>\n", name, dim,
                FormatCount(kind.count));
}

Html Table(const Html& caption, const Html& rows) {
  return Render(
      "<table>\n{}<thead><tr><th scope=\"col\">Kind</th>"
      "<th scope=\"col\" class=\"number\">Objects</th></tr></thead>\n<tbody>\n{}</tbody></table>\n",
      caption, rows);
}

struct Group {
  std::vector<const KindCount*> kinds;
  int64_t objects = 0;
};

Html FoldedGroup(std::string_view name, const Group& group, size_t index) {
  Html rows;
  for (const KindCount* kind : group.kinds) rows += Row(*kind);
  const std::string title = name.empty() ? "built in" : std::string(name);
  return Render(
      "<details class=\"group\" id=\"kinds-{}\"><summary id=\"kinds-{}-summary\">{}: {}, {}"
      "</summary>\n{}</details>\n",
      index, index, title, Plural(static_cast<int64_t>(group.kinds.size()), "kind", "kinds"),
      Plural(group.objects, "object", "objects"),
      Table(Render("<caption>Kinds of {}</caption>\n", title), rows));
}

Html FoldedRest(const std::vector<KindCount>& kinds) {
  if (kinds.size() <= kKindsShownAtOnce) return {};
  std::map<std::string_view, Group> groups;
  for (size_t i = kKindsShownAtOnce; i < kinds.size(); ++i) {
    Group& group = groups[GroupOf(kinds[i])];
    group.kinds.push_back(&kinds[i]);
    group.objects += kinds[i].count;
  }
  Html folded;
  size_t index = 0;
  for (const auto& [name, group] : groups) folded += FoldedGroup(name, group, index++);
  return Render(
      "<details id=\"kinds-rest\"><summary id=\"kinds-rest-summary\">{}, by API group</summary>\n"
      "{}</details>\n",
      Plural(static_cast<int64_t>(kinds.size() - kKindsShownAtOnce), "more kind", "more kinds"),
      folded);
}

}  // namespace

Html RenderKinds(const std::vector<KindCount>& kinds) {
  if (kinds.empty()) return {};
  int64_t objects = 0;
  for (const KindCount& kind : kinds) objects += kind.count;
  Html rows;
  for (size_t i = 0; i < std::min(kinds.size(), kKindsShownAtOnce); ++i) rows += Row(kinds[i]);
  const Html caption = Render("<caption>{} of {}</caption>\n", Plural(objects, "object", "objects"),
                              Plural(static_cast<int64_t>(kinds.size()), "kind", "kinds"));
  return Render(
      "<section aria-labelledby=\"kinds\">\n<h2 id=\"kinds\">Kinds</h2>\n"
      "<div class=\"card\" id=\"kinds-table\" data-block>\n{}{}</div>\n</section>\n",
      Table(caption, rows), FoldedRest(kinds));
}

}  // namespace kubase::web
