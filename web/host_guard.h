// HostGuard: answers only requests that were addressed to this server by a name of its own.
//
// Against DNS rebinding: a foreign page that makes its own name point to 127.0.0.1 is same-origin
// with us for the browser, and only the Host header gives it away. An address written in digits
// cannot be rebound, so those are always fine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kubase::web {

class HostGuard {
 public:
  // `allowed_hosts`: names without port, in any case; beside localhost and written addresses.
  explicit HostGuard(const std::vector<std::string>& allowed_hosts);

  // `host_header`: "name", "name:port", "1.2.3.4:80", "[::1]:80". Malformed ones are refused.
  bool Allows(std::string_view host_header) const;

 private:
  std::vector<std::string> allowed_;  // lower case, no final dot
};

}  // namespace kubase::web
