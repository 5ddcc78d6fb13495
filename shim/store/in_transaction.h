// One write transaction around some work.
#pragma once

#include "shim/base/result.h"
#include "shim/sql/database.h"

namespace kubase::store {

// The result of `work`, a Result, once it is committed; its error, or that of the commit, when
// nothing is.
template <typename Work>
auto InTransaction(sql::Connection& connection, const Work& work) -> decltype(work()) {
  if (Result<void> begun = connection.Begin(sql::Access::kWrite); !begun.ok()) return begun.error();
  auto done = work();
  if (done.ok()) {
    if (Result<void> committed = connection.Commit(); !committed.ok()) done = committed.error();
  }
  if (!done.ok()) connection.Rollback();
  return done;
}

}  // namespace kubase::store
