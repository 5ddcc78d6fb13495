// The arithmetic of FirstServiceAddress (pki.h), on the bytes of an address.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "launcher/pki.h"

namespace kubase::launcher {
namespace {

struct Range {
  int family = AF_INET;
  std::array<unsigned char, 16> address{};
  int bits = 0;  // of the prefix

  int address_bits() const { return family == AF_INET ? 32 : 128; }
};

bool Parse(const std::string& cidr, Range& range) {
  const size_t slash = cidr.find('/');
  if (slash == std::string::npos) return false;
  const std::string address = cidr.substr(0, slash);
  range.family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  const char* const begin = cidr.data() + slash + 1;
  const char* const end = cidr.data() + cidr.size();
  const auto [stop, error] = std::from_chars(begin, end, range.bits);
  // A range of one address has none for the service beside the address of the range itself.
  return inet_pton(range.family, address.c_str(), range.address.data()) == 1 &&
         error == std::errc() && stop == end && range.bits >= 0 &&
         range.bits < range.address_bits();
}

void MoveToFirst(Range& range) {
  for (int bit = range.bits; bit < range.address_bits(); ++bit) {
    range.address[bit / 8] &= static_cast<unsigned char>(~(0x80 >> (bit % 8)));
  }
  range.address[range.address_bits() / 8 - 1] |= 1;
}

}  // namespace

Result<std::string> FirstServiceAddress(const std::string& cidr) {
  // Dual stack: "10.96.0.0/12,fd00::/108"; the service "kubernetes" is in the first.
  Range range;
  if (!Parse(cidr.substr(0, cidr.find(',')), range)) {
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("\"{}\" is not a range of service addresses: write it like 10.96.0.0/12",
                    cidr)};
  }
  MoveToFirst(range);
  std::array<char, INET6_ADDRSTRLEN> text{};
  KUBASE_CHECK(inet_ntop(range.family, range.address.data(), text.data(), text.size()) != nullptr);
  return std::string(text.data());
}

}  // namespace kubase::launcher
