// PendingWrite: a request on its way through the batch writer.
#pragma once

#include <optional>
#include <utility>

#include "shim/base/result.h"
#include "shim/store/store.h"
#include "shim/store/txn.h"
#include "shim/store/write_batch.h"

namespace kubase::store {

// One waiting request. Apply runs on the writer's thread, once for each attempt; exactly one of
// Answer and Fail follows.
class PendingWrite {
 public:
  virtual ~PendingWrite() = default;
  // Adds the keys that it will read, as far as the request names them.
  virtual void AddReads(NamedKeys&) const {}
  // Evaluates the request and keeps the answer. A refusal is an answer too; a database error shows
  // in batch.failed(). `last`: there will be no other attempt.
  virtual void Apply(WriteBatch& batch, bool last) = 0;
  // The batch is durable.
  virtual void Answer() = 0;
  // The batch was not done, or its outcome is unknown (kOutcomeUnknown).
  virtual void Fail(const Error& error) = 0;
};

// A request that names keys, and the rule for it.
template <typename Request, typename Response>
class RequestWrite final : public PendingWrite {
 public:
  using Rule = Result<Response> (*)(WriteBatch&, Request);
  RequestWrite(Request request, Callback<Response> done, Rule rule)
      : request_(std::move(request)), done_(std::move(done)), rule_(rule) {}
  void AddReads(NamedKeys& keys) const override { AddPointReads(request_, keys); }
  void Apply(WriteBatch& batch, bool last) override {
    answer_.emplace(rule_(batch, last ? std::move(request_) : Request(request_)));
  }
  void Answer() override { done_(std::move(*answer_)); }
  void Fail(const Error& error) override { done_(error); }

 private:
  Request request_;
  Callback<Response> done_;
  const Rule rule_;
  std::optional<Result<Response>> answer_;
};

// Applies a function of the batch, whose result is the answer. It may be called again.
template <typename T, typename Function>
class TypedWrite final : public PendingWrite {
 public:
  TypedWrite(Callback<T> done, Function apply) : done_(std::move(done)), apply_(std::move(apply)) {}
  void Apply(WriteBatch& batch, bool) override { answer_.emplace(apply_(batch)); }
  void Answer() override { done_(std::move(*answer_)); }
  void Fail(const Error& error) override { done_(error); }

 private:
  Callback<T> done_;
  Function apply_;
  std::optional<Result<T>> answer_;
};

}  // namespace kubase::store
