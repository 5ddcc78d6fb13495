// The Host header's grammar and the list of names.
#include "web/host_guard.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

namespace kubase::web {
namespace {

std::string Normalized(std::string_view name) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

bool IsPort(std::string_view text) {
  return text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

bool IsAddress(int family, const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> ignored;
  return inet_pton(family, text.c_str(), ignored.data()) == 1;
}

// The host without port and brackets, or nothing if the header is malformed.
std::optional<std::string_view> HostOf(std::string_view header) {
  if (!header.empty() && header.front() == '[') {
    const size_t end = header.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = header.substr(end + 1);
    if (!rest.empty() && (rest.front() != ':' || !IsPort(rest.substr(1)))) return std::nullopt;
    const std::string_view inside = header.substr(1, end - 1);
    if (!IsAddress(AF_INET6, std::string(inside))) return std::nullopt;
    return inside;
  }
  const size_t colon = header.find(':');
  if (colon == std::string_view::npos) return header;
  if (!IsPort(header.substr(colon + 1))) return std::nullopt;
  return header.substr(0, colon);
}

}  // namespace

HostGuard::HostGuard(const std::vector<std::string>& allowed_hosts) {
  allowed_.push_back("localhost");
  for (const std::string& host : allowed_hosts) allowed_.push_back(Normalized(host));
}

bool HostGuard::Allows(std::string_view host_header) const {
  const auto host = HostOf(host_header);
  if (!host || host->empty()) return false;
  const std::string name = Normalized(*host);
  return IsAddress(AF_INET, name) || IsAddress(AF_INET6, name) ||
         std::find(allowed_.begin(), allowed_.end(), name) != allowed_.end();
}

}  // namespace kubase::web
