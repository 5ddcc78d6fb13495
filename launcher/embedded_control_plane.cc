// Gives a type to the bytes that embedded_control_plane_bytes.S puts into the executable.
#include "launcher/embedded_control_plane.h"

extern "C" {
extern const std::byte kubase_control_plane_begin[];
extern const std::byte kubase_control_plane_end[];
extern const char kubase_control_plane_digest[];
}

namespace kubase::launcher {

ControlPlaneImage EmbeddedControlPlane() {
  constexpr size_t kDigestCharacters = 64;
  const auto size = static_cast<size_t>(kubase_control_plane_end - kubase_control_plane_begin);
  if (size == 0) return {};
  return {{kubase_control_plane_begin, size},
          std::string(kubase_control_plane_digest, kDigestCharacters)};
}

}  // namespace kubase::launcher
