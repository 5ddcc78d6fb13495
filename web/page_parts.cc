// Icons, pills and facts.
#include "web/page_parts.h"

namespace kubase::web {

Html Icon(const Look& look) {
  return Render(R"(<svg class="icon {}" aria-hidden="true"><use href="#icon-{}"/></svg>)",
                look.style, look.icon);
}

Html Pill(const Look& look, std::string_view word) {
  return Render(R"(<span class="pill {}">{}{}</span>)", look.style, Icon(look), word);
}

Html Fact(std::string_view name, std::string_view value) {
  if (value.empty()) return {};
  return Render("<div><dt>{}</dt><dd>{}</dd></div>\n", name, value);
}

}  // namespace kubase::web
