// Answers what oracle/random_test.go asks, one line a question: a label selector, a field selector,
// and an object's name, namespace, labels and fields, separated by tabs and quoted as in corpus.h.
// The answers are "match", "no", "refused", and "lost" if the selector is not read back from its
// text.
#include <iostream>

#include "shim/select/selector.h"
#include "tests/selectors/corpus.h"

namespace kubase::select {
namespace {

std::vector<std::string_view> Columns(std::string_view line) {
  std::vector<std::string_view> columns;
  for (size_t tab = line.find('\t'); tab != std::string_view::npos; tab = line.find('\t')) {
    columns.push_back(line.substr(0, tab));
    line.remove_prefix(tab + 1);
  }
  columns.push_back(line);
  return columns;
}

std::string_view Answer(std::string_view line) {
  const std::vector<std::string_view> columns = Columns(line);
  const auto selector = ParseSelector(Unquoted(columns.at(0)), Unquoted(columns.at(1)));
  if (!selector.ok()) return "refused";
  const auto again = ParseSelector(LabelText(*selector), FieldText(*selector));
  if (!again.ok() || *again != *selector) return "lost";
  Attributes object;
  object.readable = true;
  object.name = Unquoted(columns.at(2));
  object.object_namespace = Unquoted(columns.at(3));
  object.labels = ReadValues(columns.at(4));
  object.fields = ReadValues(columns.at(5));
  return Matches(*selector, object) ? "match" : "no";
}

}  // namespace
}  // namespace kubase::select

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << kubase::select::Answer(line) << "\n";
  }
  return 0;
}
