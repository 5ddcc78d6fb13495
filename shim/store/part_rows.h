// How many rows to ask for when a part of a long read has a target in bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kubase::store {

// A server sends all the rows that it was asked for, also those after the last one that is wanted:
// without a limit, reading in parts would cost the square of the whole. One thread at a time.
class PartRows {
 public:
  explicit PartRows(size_t target) : target_(target) {}

  // To ask for next.
  int64_t rows() const { return rows_; }
  // The last part had these. As they are, the next ones will be.
  void Learn(int64_t rows, size_t bytes) {
    if (rows == 0 || bytes == 0) return;
    const auto fitting = static_cast<int64_t>(target_ / (bytes / static_cast<size_t>(rows) + 1));
    rows_ = std::clamp(fitting, kLeast, kMost);
  }

 private:
  static constexpr int64_t kLeast = 8;
  static constexpr int64_t kMost = 4096;

  size_t target_;
  int64_t rows_ = 128;
};

}  // namespace kubase::store
