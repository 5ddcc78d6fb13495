// StepSize: how many rows a step of work between two batches of writes takes.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace kubase::store {

// From the time of the last step to the size of the next. One thread.
class StepSize {
 public:
  // Starts at `min` rows; a step is to take about `target`.
  StepSize(std::chrono::nanoseconds target, int64_t min, int64_t max)
      : target_(target), min_(min), max_(max), rows_(min) {}

  int64_t rows() const { return rows_; }

  // The last step took so long. It at most doubles the size: a step that met nothing to do says
  // little about one that does.
  void Note(std::chrono::nanoseconds took) {
    const auto nanoseconds = std::max<int64_t>(took.count(), 1);
    const double fitting = static_cast<double>(rows_) * static_cast<double>(target_.count()) /
                           static_cast<double>(nanoseconds);
    const auto limit = static_cast<double>(std::min(2 * rows_, max_));
    rows_ = std::max(min_, static_cast<int64_t>(std::min(fitting, limit)));
  }

 private:
  const std::chrono::nanoseconds target_;
  const int64_t min_;
  const int64_t max_;
  int64_t rows_;
};

}  // namespace kubase::store
