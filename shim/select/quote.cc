// Messages go to logs and terminals, so nothing but printable ASCII gets into them.
#include "shim/select/quote.h"

#include <fmt/format.h>

namespace kubase::select {

std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '"') {
      quoted += c;
    } else {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return quoted + '"';
}

}  // namespace kubase::select
