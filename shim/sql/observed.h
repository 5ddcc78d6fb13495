// Telling the observer of statements what ran.
#pragma once

#include <chrono>
#include <string_view>

#include "shim/sql/database.h"

namespace kubase::sql {

// Runs `work`, which may fill in the rest of a StatementRun, and tells the observer, if there is
// one, how long it took and how it ended.
template <typename Work>
auto Observed(StatementObserver* observer, std::string_view name, const Work& work) {
  StatementRun run{.name = name};
  if (observer == nullptr) return work(run);
  const auto start = std::chrono::steady_clock::now();
  auto result = work(run);
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  run.error = result.ok() ? nullptr : &result.error();
  observer->OnStatement(run);
  return result;
}

}  // namespace kubase::sql
