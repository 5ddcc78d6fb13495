// The small parts that several sections of the page are made of.
#pragma once

#include <string_view>

#include "web/html.h"

namespace kubase::web {

// A state's look: an icon of page.html and a colour of theme.css, always beside a word.
struct Look {
  std::string_view icon;
  std::string_view style;
};
inline constexpr Look kOk{"ok", "ok"};
inline constexpr Look kWarn{"warn", "warn"};
inline constexpr Look kDown{"down", "down"};
inline constexpr Look kWait{"wait", "wait"};
inline constexpr Look kOff{"off", "off"};

// Hidden from screen readers: the word beside it says the same.
Html Icon(const Look& look);

// An icon and a word in a rounded field.
Html Pill(const Look& look, std::string_view word);

// A name and its value for a <dl>; empty markup for an empty value.
Html Fact(std::string_view name, std::string_view value);

}  // namespace kubase::web
