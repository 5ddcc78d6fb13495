#include "web/html.h"

#include <catch2/catch.hpp>

namespace kubase::web {
namespace {

TEST_CASE("Html: text is escaped for element content and quoted attributes") {
  CHECK(Escape("<a href=\"x\" id='y'>&</a>").markup() ==
        "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;&lt;/a&gt;");
}

TEST_CASE("Html: control characters are replaced, line ends and tabs are kept") {
  CHECK(Escape(std::string_view("a\x00\x1b\x7f\n\tb", 7)).markup() ==
        "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\n\tb");
}

TEST_CASE("Html: Render escapes strings and numbers but takes Html as it is") {
  const Html inner = Render("<b>{}</b>", std::string("<&>"));
  CHECK(Render("<p>{} {} {}</p>", inner, "<i>", 42).markup() ==
        "<p><b>&lt;&amp;&gt;</b> &lt;i&gt; 42</p>");
}

TEST_CASE("Html: braces in text are no format") {
  CHECK(Render("{}", "{0} {}").markup() == "{0} {}");
}

}  // namespace
}  // namespace kubase::web
