// The control plane inside this executable. A library of its own (kubase_embedded_control_plane),
// so that only `kubase` carries it and the tests link without it.
#pragma once

#include "launcher/control_plane_image.h"

namespace kubase::launcher {

// What the build embedded; `compressed` is empty when nothing was (KUBASE_EMBED_CONTROL_PLANE=OFF).
ControlPlaneImage EmbeddedControlPlane();

}  // namespace kubase::launcher
