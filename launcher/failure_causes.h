// The likely cause of a component's failure, found in its last lines.
//
// A table of what people meet; a line that is not in it is shown as it is and nothing is guessed.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace kubase::launcher {

struct LikelyCause {
  std::string cause;  // "the address is already in use"
  std::string fix;    // "choose another port with --secure-port, or stop the other program"
};

// The newest line that tells anything decides.
std::optional<LikelyCause> FindLikelyCause(const std::vector<std::string>& last_lines);

}  // namespace kubase::launcher
