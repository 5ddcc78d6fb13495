// StepSize: how many rows a step of work between two batches of writes takes.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace kubase::store {

// From the times of steps to the size of the next. One thread.
//
// A step commits, and asks a server some things, whatever its size. Where that alone takes the
// target, steps take twice as long as that: at their smallest they would do next to nothing, and
// what is to be done would grow faster. Now and then a step is small, to see what it takes.
class StepSize {
 public:
  // Starts at `min` rows; a step is to take about `target`.
  StepSize(std::chrono::nanoseconds target, int64_t min, int64_t max)
      : target_(target), min_(min), max_(max), rows_(min) {}

  int64_t rows() const { return probing_ ? min_ : rows_; }

  // The last step took so long. It at most doubles the size: a step that met nothing to do says
  // little about one that does.
  void Note(std::chrono::nanoseconds took) {
    took = std::max(took, std::chrono::nanoseconds(1));
    least_ = probing_ ? took : std::min(least_, took);
    if (!probing_ || rows_ == min_) Fit(took);
    probing_ = ++steps_ % kStepsPerProbe == 0;
  }

 private:
  static constexpr int64_t kStepsPerProbe = 32;

  void Fit(std::chrono::nanoseconds took) {
    const std::chrono::nanoseconds target = std::max(target_, 2 * least_);
    const double fitting = static_cast<double>(rows_) * static_cast<double>(target.count()) /
                           static_cast<double>(took.count());
    const auto limit = static_cast<double>(std::min(2 * rows_, max_));
    rows_ = std::max(min_, static_cast<int64_t>(std::min(fitting, limit)));
  }

  const std::chrono::nanoseconds target_;
  const int64_t min_;
  const int64_t max_;
  int64_t rows_;
  int64_t steps_ = 0;
  bool probing_ = true;
  std::chrono::nanoseconds least_{0};  // that a step takes, whatever its size
};

}  // namespace kubase::store
