// Quotes what came from outside for a message.
#pragma once

#include <string>
#include <string_view>

namespace kubase::select {

// In double quotes; with \xNN for every byte that is not printable ASCII, and for '"'.
std::string Quote(std::string_view text);

}  // namespace kubase::select
