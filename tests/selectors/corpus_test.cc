#include "tests/selectors/corpus.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "shim/select/selector.h"

namespace kubase::select {
namespace {

constexpr size_t kCasesMin = 250;  // so that a file that is not read is noticed

std::string NameOf(const Attributes& object) {
  if (object.object_namespace.empty()) return object.name;
  return object.object_namespace + "/" + object.name;
}

void Check(const SelectorCase& question) {
  INFO(question.place << ": " << question.description);
  const Result<Selector> selector = ParseSelector(question.labels, question.fields);
  REQUIRE(selector.ok() != question.refused);
  if (question.refused) return;
  std::vector<std::string> matches;
  for (const Attributes& object : question.objects) {
    if (Matches(*selector, object)) matches.push_back(NameOf(object));
  }
  CHECK(matches == question.matches);
  const Result<Selector> again = ParseSelector(LabelText(*selector), FieldText(*selector));
  REQUIRE(again.ok());
  CHECK(*again == *selector);
}

TEST_CASE("Selectors: every case of the corpus") {
  size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(KUBASE_SELECTORS)) {
    if (entry.path().extension() != ".txt" || entry.path().filename() == "CMakeLists.txt") continue;
    for (const SelectorCase& question : ReadCases(entry.path())) {
      Check(question);
      ++cases;
    }
  }
  CHECK(cases >= kCasesMin);
}

}  // namespace
}  // namespace kubase::select
