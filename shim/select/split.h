// Splits paths and lists of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kubase::select {

// The parts between the separators, one more than there are separators.
std::vector<std::string> Split(std::string_view text, char separator);

}  // namespace kubase::select
