// For tests: a storage over a SQLite file that nobody serves.
#pragma once

#include <prometheus/registry.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>

#include "launcher/storage.h"

namespace kubase::launcher {

inline StorageRoles NoRoles() {
  return {.lead = [](store::Store&, int64_t) { return Ok(); },
          .follow = [](const sql::LeaderRecord&) { return Ok(); },
          .reach = [](std::chrono::milliseconds) { return Ok(); },
          .wait = [] {}};
}

// The test fails when it cannot be opened. The references must outlive it.
inline std::unique_ptr<Storage> OpenTestStorage(const std::filesystem::path& file,
                                                prometheus::Registry& registry, const Clock& clock,
                                                Log& log) {
  auto storage =
      Storage::Open({.endpoint = {file, "sqlite://x.db"}}, NoRoles(), registry, clock, log);
  REQUIRE(storage.ok());
  return std::move(storage).value();
}

}  // namespace kubase::launcher
