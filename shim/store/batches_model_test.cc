// Writes that wait together: each is answered as if they came one after the other, whatever was
// read ahead, guessed or cached.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <future>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "shim/store/batches_fixture_test.h"

namespace kubase::store {
namespace {

struct ModelPair {
  std::string value;
  Revision create = 0;
  Revision mod = 0;
  int64_t version = 0;
};

std::string Text(const std::string& key, const ModelPair& pair) {
  return fmt::format("{}={}@{},{},{};", key, pair.value, pair.create, pair.mod, pair.version);
}

std::string Text(const KeyValue& kv) {
  return Text(kv.key, {kv.value, kv.create_revision, kv.mod_revision, kv.version});
}

std::string Text(const std::vector<KeyValuePtr>& pairs) {
  std::string text;
  for (const KeyValuePtr& pair : pairs) text += Text(*pair);
  return text;
}

std::string Text(const std::vector<OperationResponse>& responses) {
  std::string text;
  for (const OperationResponse& one : responses) {
    if (const auto* range = std::get_if<RangeResponse>(&one.response)) {
      text += " range " + Text(range->kvs);
    } else if (const auto* put = std::get_if<PutResponse>(&one.response)) {
      text += " put " + (put->prev_kv == nullptr ? "" : Text(*put->prev_kv));
    } else if (const auto* deleted = std::get_if<DeleteRangeResponse>(&one.response)) {
      text += " delete " + Text(deleted->prev_kvs);
    } else if (const auto* nested = std::get_if<TxnResponse>(&one.response)) {
      text += fmt::format(" nested {}{}", nested->succeeded, Text(nested->responses));
    }
  }
  return text;
}

std::string Text(const Result<TxnResponse>& answer) {
  if (!answer.ok()) return fmt::format("error {}", static_cast<int>(answer.error().code));
  return fmt::format("{} at {}{}", answer->succeeded, answer->revision, Text(answer->responses));
}

// What a store answers to one transaction after the other, as text.
class AnswerModel {
 public:
  explicit AnswerModel(Revision revision) : revision_(revision) {}

  Revision ModOf(const std::string& key) const {
    const auto found = pairs_.find(key);
    return found == pairs_.end() ? 0 : found->second.mod;
  }

  std::string Apply(const TxnRequest& request) {
    bool holds = true;
    for (const Compare& compare : request.compares) {
      holds = holds && ModOf(compare.range.key) == compare.number;
    }
    const auto& branch = holds ? request.success : request.failure;
    for (const Operation& operation : branch) {
      const auto* const put = std::get_if<PutRequest>(&operation.request);
      if (put != nullptr && put->lease != 0) {
        return fmt::format("error {}", static_cast<int>(ErrorCode::kLeaseNotFound));
      }
    }
    std::string answers;
    const Revision before = revision_;
    for (const Operation& operation : branch) answers += Run(operation, before);
    return fmt::format("{} at {}{}", holds, revision_, answers);
  }

 private:
  // Of a transaction that begins at revision `before`.
  std::string Run(const Operation& operation, Revision before) {
    if (const auto* range = std::get_if<RangeRequest>(&operation.request)) {
      return " range " + Take(range->range, false);
    }
    if (const auto* put = std::get_if<PutRequest>(&operation.request)) {
      revision_ = before + 1;
      return " put " + Put(*put);
    }
    if (const auto* deletion = std::get_if<DeleteRangeRequest>(&operation.request)) {
      const std::string deleted = Take(deletion->range, true);
      if (!deleted.empty()) revision_ = before + 1;
      return " delete " + deleted;
    }
    // Nested ones of the tests compare keys that nothing else of the transaction changes.
    const auto& nested = std::get<TxnRequest>(operation.request);
    const bool holds = ModOf(nested.compares.at(0).range.key) == nested.compares[0].number;
    std::string answers;
    for (const Operation& one : holds ? nested.success : nested.failure) {
      answers += Run(one, before);
    }
    return fmt::format(" nested {}{}", holds, answers);
  }

  std::string Put(const PutRequest& request) {
    const auto found = pairs_.find(request.key);
    const std::string before =
        found == pairs_.end() || !request.prev_kv ? "" : Text(found->first, found->second);
    ModelPair& pair = pairs_[request.key];
    if (pair.version++ == 0) pair.create = revision_;
    pair.mod = revision_;
    pair.value = request.value;
    return before;
  }

  std::string Take(const KeyRange& range, bool remove) {
    std::string text;
    for (auto pair = pairs_.begin(); pair != pairs_.end();) {
      const bool in_range = range.Contains(pair->first);
      if (in_range) text += Text(pair->first, pair->second);
      pair = in_range && remove ? pairs_.erase(pair) : std::next(pair);
    }
    return text;
  }

  Revision revision_;
  std::map<std::string, ModelPair> pairs_;
};

TxnRequest RandomRequest(std::mt19937_64& random, const AnswerModel& model) {
  const auto below = [&](uint64_t bound) { return random() % bound; };
  const std::string key = fmt::format("/k/{}", below(12));
  const std::string value = fmt::format("v{}", random());
  const std::string other = fmt::format("/n/{}", below(4));
  TxnRequest request = Creation(key, value);
  auto& put = std::get<PutRequest>(request.success[0].request);
  switch (below(16)) {
    case 0:
      put.lease = kUnknownLease;
      break;
    case 1:
      request.success.push_back({RangeRequest{.range = kBatchKeys}});
      break;
    case 2:
    case 3:
      request.compares[0].number = model.ModOf(key);
      break;
    case 4:
      request.compares[0].number = model.ModOf(key) + static_cast<int64_t>(below(2));
      request.success[0] = {DeleteRangeRequest{.range = {key, ""}, .prev_kv = true}};
      break;
    case 5:
      request.compares.clear();
      put.prev_kv = true;
      break;
    case 6:
      request.compares.clear();
      request.success[0] = {DeleteRangeRequest{
          .range = below(8) == 0 ? kBatchKeys : KeyRange{key, ""}, .prev_kv = true}};
      break;
    case 7:
      request.failure[0] = {PutOf(other, value)};
      break;
    case 8:
      request.failure.push_back({Creation(other, value)});
      break;
    case 9:
      request.success.push_back({Creation(other, value)});
      request.success.push_back({RangeRequest{.range = {other, ""}}});
      break;
    default:
      break;
  }
  return request;
}

TEST_CASE("BatchWriter: random writes that wait together are answered one after the other") {
  const size_t cache_bytes = GENERATE(size_t{0}, size_t{1});  // with a byte, it keeps no pair
  for (const uint64_t seed : {uint64_t{1}, uint64_t{std::random_device{}()}}) {
    INFO("seed " << seed << ", cache " << cache_bytes);
    std::mt19937_64 random(seed);
    Held held(cache_bytes);
    AnswerModel model(held->Range({.range = kBatchKeys})->revision);
    for (int round = 0; round < 40; ++round) {
      if (round % 10 == 9) held.Forget();
      std::vector<std::string> expected;
      std::vector<std::future<Result<TxnResponse>>> answers;
      const bool held_up = random() % 2 == 0;
      const int writes = 2 + static_cast<int>(random() % 40);
      for (int i = 0; i < writes; ++i) {
        const TxnRequest request = RandomRequest(random, model);
        expected.push_back(model.Apply(request));
        answers.push_back(i == 0 && held_up ? held.SendAndHold(request) : held.Send(request));
        // Another batch begins somewhere in between.
        if (!held_up && random() % 8 == 0) answers.back().wait();
      }
      if (held_up) held.Release();
      for (size_t i = 0; i < answers.size(); ++i) {
        INFO("round " << round << ", write " << i);
        CHECK(Text(answers[i].get()) == expected[i]);
      }
    }
  }
}

}  // namespace
}  // namespace kubase::store
