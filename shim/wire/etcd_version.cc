// Two or three numbers with dots.
#include "shim/wire/etcd_version.h"

#include <charconv>

namespace kubase::wire {

Result<EtcdVersion> ParseEtcdVersion(std::string_view text) {
  const Error bad{ErrorCode::kInvalidArgument,
                  "\"" + std::string(text) + "\" is no etcd version; write it as 3.7.3"};
  constexpr int kPartsMax = 3;
  int parts[kPartsMax] = {};
  int count = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    const auto [stop, error] = std::from_chars(at, end, parts[count]);
    if (error != std::errc() || parts[count] < 0) return bad;
    ++count;
    if (stop == end) break;
    if (*stop != '.' || count == kPartsMax) return bad;
    at = stop + 1;
  }
  if (count < 2) return bad;
  return EtcdVersion{std::string(text), parts[0], parts[1]};
}

}  // namespace kubase::wire
