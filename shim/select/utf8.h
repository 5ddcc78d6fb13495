// UTF-8 as Go reads it.
#pragma once

#include <string>
#include <string_view>

namespace kubase::select {

// With U+FFFD for each byte that begins no well-formed character, as when Go copies a text by
// runes.
std::string WithReplacementCharacters(std::string_view text);

}  // namespace kubase::select
