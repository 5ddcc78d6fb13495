#include "shim/select/selector.h"

#include <catch2/catch.hpp>

namespace kubase::select {
namespace {

std::string Reason(std::string_view labels, std::string_view fields) {
  const Result<Selector> selector = ParseSelector(labels, fields);
  REQUIRE_FALSE(selector.ok());
  CHECK(selector.error().code == ErrorCode::kInvalidArgument);
  return selector.error().message;
}

TEST_CASE("Selector: requirements are sorted, and their values sorted and unique") {
  const auto selector = ParseSelector("z notin (b,a,b), !y,a==1 , x > 5", "b!=2,a=\\,");
  REQUIRE(selector.ok());
  CHECK(selector->labels ==
        std::vector<LabelRequirement>{{"a", LabelOperator::kIn, {"1"}},
                                      {"x", LabelOperator::kGreaterThan, {"5"}},
                                      {"y", LabelOperator::kDoesNotExist, {}},
                                      {"z", LabelOperator::kNotIn, {"a", "b"}}});
  CHECK(selector->fields == std::vector<FieldRequirement>{{"a", true, ","}, {"b", false, "2"}});
}

TEST_CASE("Selector: its texts are read back as an equal selector") {
  for (const std::string labels : {"", "a", "!a", "a=", "a!=b", "a in (,b)", "a notin (x,y)",
                                   "a>1,a<9", "in in (in,notin)", "example.com/a=b"}) {
    for (const std::string fields : {"", "a=b", "a!=", "=x", "a=\\\\\\,\\=", "a=1,a!=2"}) {
      const auto selector = ParseSelector(labels, fields);
      REQUIRE(selector.ok());
      const auto again = ParseSelector(LabelText(*selector), FieldText(*selector));
      REQUIRE(again.ok());
      CHECK(*again == *selector);
    }
  }
}

TEST_CASE("Selector: for a message it is one text") {
  CHECK(ToText({}) == "everything");
  CHECK(ToText(*ParseSelector("b in (y,x),a", "")) == "labels a,b in (x,y)");
  CHECK(ToText(*ParseSelector("", "f!=a\\,b")) == "fields f!=a\\,b");
  CHECK(ToText(*ParseSelector("a", "f=1")) == "labels a, fields f=1");
}

TEST_CASE("Selector: an error quotes the selector and says where and why") {
  CHECK(Reason("a in b", "") ==
        "label selector \"a in b\": after 5 bytes there is \"b\", where '(' has to be");
  CHECK(Reason("a,", "") ==
        "label selector \"a,\": after 2 bytes it ends, where '!' or a key has to be");
  CHECK(Reason("a>x\n", "") ==
        "label selector \"a>x\\x0a\": the value \"x\" cannot be, it is no integer of 64 bits, "
        "which '<' and '>' need");
  CHECK(Reason("", "a=b,c") ==
        "field selector \"a=b,c\": the term \"c\" has none of '=', '==' and '!='");
  CHECK(Reason("", "a=b\\") ==
        "field selector \"a=b\\\": the term \"a=b\\\" has a '\\' that is not followed by '\\', ',' "
        "or '='");
}

TEST_CASE("Selector: what cannot be decided matches") {
  Attributes object;
  object.name = "n";
  object.object_namespace = "s";
  CHECK(Matches(*ParseSelector("a=b,!c", "spec.x=1,spec.x!=1"), object));
  CHECK_FALSE(Matches(*ParseSelector("", "metadata.name!=n"), object));
  CHECK_FALSE(Matches(*ParseSelector("", "metadata.namespace=other"), object));
  object.readable = true;
  object.fields = {{"spec.x", ""}};
  CHECK_FALSE(Matches(*ParseSelector("a=b", ""), object));
  CHECK_FALSE(Matches(*ParseSelector("", "spec.x=1"), object));
  CHECK(Matches(*ParseSelector("", "spec.y=1,spec.y!=1,spec.x="), object));
}

}  // namespace
}  // namespace kubase::select
