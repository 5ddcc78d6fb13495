// Reads the cases in *.txt; README.md describes the format.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shim/select/attributes.h"

namespace kubase::select {

struct SelectorCase {
  std::string description;
  std::string place;  // file and line
  std::string labels;
  std::string fields;
  std::vector<Attributes> objects;
  bool refused = false;
  std::vector<std::string> matches;  // names, or NAMESPACE/NAME
};

// All cases of a file. Ends the test when the file is not as it should be.
std::vector<SelectorCase> ReadCases(const std::string& path);

// With the byte for each %XX.
std::string Unquoted(std::string_view text);

// "KEY=VALUE,…"; a key ends at the first '='.
NamedValues ReadValues(std::string_view text);

}  // namespace kubase::select
