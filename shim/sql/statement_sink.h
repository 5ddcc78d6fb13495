// What becomes of what a statement gives that travels with others. Private to the sql room.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "shim/sql/database.h"

namespace kubase::sql {

// How a statement went, as far as its answers have come.
struct StatementAnswer {
  bool came = false;
  double seconds = 0;  // since the answer before it, or since it was sent
  int64_t rows = 0;    // that it gave, wanted or not
  std::optional<Error> error;
};

// Each pointer may be null; those that are not shared must be valid until all that was queued has
// run.
struct StatementSink {
  const RowSink* rows = nullptr;  // in order, until it wants no more
  int64_t* changed = nullptr;     // is set to how many rows the statement changed
  // shared: the answers to what was undone may come when nobody asks for them any more.
  std::shared_ptr<StatementAnswer> answer;
};

// Tells the answers of one round trip apart. What comes before a statement whose answer is not
// asked for counts as that of the next one: it is the transaction's beginning, or the preparation.
class AnswerTimes {
 public:
  void Note(const StatementSink& sink, std::optional<Error> error = {}) {
    if (sink.answer == nullptr) return;
    const auto now = std::chrono::steady_clock::now();
    sink.answer->came = true;
    sink.answer->seconds += std::chrono::duration<double>(now - last_).count();
    sink.answer->error = std::move(error);
    last_ = now;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace kubase::sql
