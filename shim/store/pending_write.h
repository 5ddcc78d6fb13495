// PendingWrite: a request on its way through the batch writer.
#pragma once

#include <optional>
#include <utility>

#include "shim/base/result.h"
#include "shim/store/store.h"
#include "shim/store/write_batch.h"

namespace kubase::store {

// One waiting request. Apply runs on the writer's thread; exactly one of Answer and Fail follows.
class PendingWrite {
 public:
  virtual ~PendingWrite() = default;
  // Evaluates the request and keeps the answer. A refusal is an answer too; a database error shows
  // in batch.failed().
  virtual void Apply(WriteBatch& batch) = 0;
  // The batch is durable.
  virtual void Answer() = 0;
  // The batch was not done, or its outcome is unknown (kOutcomeUnknown).
  virtual void Fail(const Error& error) = 0;
};

// Applies a function of the batch, whose result is the answer.
template <typename T, typename Function>
class TypedWrite final : public PendingWrite {
 public:
  TypedWrite(Callback<T> done, Function apply) : done_(std::move(done)), apply_(std::move(apply)) {}
  void Apply(WriteBatch& batch) override { answer_.emplace(apply_(batch)); }
  void Answer() override { done_(std::move(*answer_)); }
  void Fail(const Error& error) override { done_(error); }

 private:
  Callback<T> done_;
  Function apply_;
  std::optional<Result<T>> answer_;
};

}  // namespace kubase::store
