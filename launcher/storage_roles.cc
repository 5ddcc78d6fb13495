// A socket of UDP that is connected has an address of its own, and has sent nothing.
#include "launcher/storage_roles.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace kubase::launcher {
namespace {

// Of the default route; loopback without one.
std::string OutboundAddress() {
  std::string found = "127.0.0.1";
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return found;
  sockaddr_in far{};
  far.sin_family = AF_INET;
  far.sin_port = htons(9);
  ::inet_pton(AF_INET, "192.0.2.1", &far.sin_addr);  // RFC 5737: nobody has it
  sockaddr_in own{};
  socklen_t size = sizeof(own);
  std::array<char, INET_ADDRSTRLEN> text{};
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&far), sizeof(far)) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) == 0 &&
      ::inet_ntop(AF_INET, &own.sin_addr, text.data(), text.size()) != nullptr) {
    found = text.data();
  }
  ::close(fd);
  return found;
}

}  // namespace

StorageRoles RolesOf(wire::Server& server, std::chrono::milliseconds drain) {
  return {
      .lead = [&server](store::Store& store, int64_t term) { return server.Serve(store, term); },
      .follow =
          [&server](const sql::LeaderRecord& leader) {
            return server.Forward({.address = leader.address, .term = leader.term});
          },
      .reach = [&server](std::chrono::milliseconds timeout) { return server.CheckHealth(timeout); },
      .wait = [&server, drain] { server.Hold(drain); }};
}

std::string AdvertisedAddress(const std::string& bound) {
  for (const std::string_view every : {"0.0.0.0:", "[::]:"}) {
    if (bound.starts_with(every)) return OutboundAddress() + bound.substr(every.size() - 1);
  }
  return bound;
}

}  // namespace kubase::launcher
