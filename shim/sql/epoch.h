// Who leads a database that several processes can reach: the one whose epoch is in `meta`.
#pragma once

#include <atomic>
#include <cstdint>

namespace kubase::sql {

// Of those who do not lead; no database has it.
inline constexpr int64_t kNoEpoch = -1;

// One that nobody has had; above 0.
int64_t NewEpoch();

// What the write transactions of this process expect in `meta`; of those there is one at a time.
// Any thread.
struct WriteFence {
  std::atomic<int64_t> epoch{kNoEpoch};  // as long as this process leads
  // Write transactions so far, of all who led: a copy of the server that is behind has fewer.
  std::atomic<int64_t> writes{0};
};

}  // namespace kubase::sql
