// Html: markup that is safe by construction.
//
// A string becomes markup only through Escape, which Render applies to every argument that is not
// Html already. So a page built from Render calls cannot contain unescaped text, whatever a log
// line or a resource is called.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kubase::web {

class Html {
 public:
  Html() = default;
  // Takes `markup` as it is: for literals and embedded files only, never for data.
  static Html Trusted(std::string markup) { return Html(std::move(markup)); }

  const std::string& markup() const { return markup_; }
  bool empty() const { return markup_.empty(); }
  Html& operator+=(const Html& other) {
    markup_ += other.markup_;
    return *this;
  }

 private:
  explicit Html(std::string markup) : markup_(std::move(markup)) {}
  std::string markup_;
};

// Safe as element text and inside a quoted attribute. Control characters other than tab and line
// feed become U+FFFD, since no HTML document may contain them.
Html Escape(std::string_view text);

namespace internal {
template <typename T>
std::string AsMarkup(const T& value) {
  if constexpr (std::is_same_v<T, Html>) {
    return value.markup();
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return Escape(value).markup();
  } else {
    static_assert(std::is_integral_v<T>, "format other values as text first");
    return std::to_string(value);
  }
}
template <typename T>
using MarkupOf = std::string;
}  // namespace internal

// fmt's `{}` syntax; the format is a literal and is taken as markup.
template <typename... Args>
Html Render(fmt::format_string<internal::MarkupOf<Args>...> format, const Args&... args) {
  return Html::Trusted(fmt::format(format, internal::AsMarkup(args)...));
}

}  // namespace kubase::web
