// Escaping of text for HTML.
#include "web/html.h"

namespace kubase::web {

Html Escape(std::string_view text) {
  std::string markup;
  markup.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    switch (c) {
      case '&':
        markup += "&amp;";
        break;
      case '<':
        markup += "&lt;";
        break;
      case '>':
        markup += "&gt;";
        break;
      case '"':
        markup += "&quot;";
        break;
      case '\'':
        markup += "&#39;";
        break;
      case '\n':
      case '\t':
        markup += c;
        break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        const bool control = byte < 0x20 || byte == 0x7f;
        markup += control ? std::string_view("\xef\xbf\xbd") : std::string_view(&c, 1);
      }
    }
  }
  return Html::Trusted(std::move(markup));
}

}  // namespace kubase::web
