// Percent encoding (RFC 3986, 2.1).
#pragma once

#include <string>
#include <string_view>

namespace kubase {

// "a%2Fb" is "a/b"; what is no such code stays as it is.
std::string DecodePercent(std::string_view text);
// With a code for everything that the RFC does not leave unreserved.
std::string EncodePercent(std::string_view text);

}  // namespace kubase
