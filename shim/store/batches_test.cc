// Writes that wait together: each is answered as if they came one after the other, whatever was
// read ahead, guessed or cached.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <future>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "shim/store/store_fixture_test.h"
#include "tests/support/held_writes.h"

namespace kubase::store {
namespace {

using testing::TestDatabase;

constexpr LeaseId kUnknownLease = 999;
const KeyRange kAll{"/k/", "/k0"};

// Counts statements by their names.
class CountingObserver final : public sql::StatementObserver {
 public:
  void OnStatement(const sql::StatementRun& run) override {
    const std::lock_guard lock(mutex_);
    ++runs_[std::string(run.name)];
  }
  int Take(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return std::exchange(runs_[name], 0);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> runs_;
};

// A store whose writer can be held.
class Held {
 public:
  explicit Held(size_t pair_cache_bytes = 0)
      : fixture_({.pair_cache_bytes_max = pair_cache_bytes}, &observer_,
                 [this](std::unique_ptr<sql::Database> database) {
                   return std::make_unique<testing::HeldWrites>(std::move(database), hold_);
                 }) {}

  StoreFixture* operator->() { return &fixture_; }
  CountingObserver& observer() { return observer_; }

  std::future<Result<TxnResponse>> Send(TxnRequest request) {
    auto promise = std::make_shared<std::promise<Result<TxnResponse>>>();
    fixture_.store().Txn(std::move(request), [promise](Result<TxnResponse> response) {
      promise->set_value(std::move(response));
    });
    return promise->get_future();
  }
  // What is sent between the two waits together, behind `first`.
  std::future<Result<TxnResponse>> SendAndHold(TxnRequest first) {
    hold_.Arm();
    auto answer = Send(std::move(first));
    hold_.AwaitHeld();
    return answer;
  }
  void Release() { hold_.Release(); }
  // Memory knows no pair then, and the writer has nothing to do.
  void Forget() {
    fixture_.Close();
    fixture_.Open();
    REQUIRE(fixture_.Compact(fixture_.Range({.range = kAll})->revision).ok());
    for (const char* name : {"get", "commit"}) observer_.Take(name);
  }

 private:
  testing::Hold hold_;
  CountingObserver observer_;
  StoreFixture fixture_;
};

Compare ModIs(const std::string& key, Revision revision) {
  return {.range = {key, ""}, .target = Compare::Target::kMod, .number = revision};
}

PutRequest PutOf(const std::string& key, const std::string& value) {
  return {.key = key, .value = value};
}

// As kube-apiserver creates an object.
TxnRequest Creation(const std::string& key, const std::string& value) {
  TxnRequest request{.compares = {ModIs(key, 0)}};
  request.success.push_back({PutOf(key, value)});
  request.failure.push_back({RangeRequest{.range = {key, ""}}});
  return request;
}

TxnRequest Putting(const std::string& key, const std::string& value) {
  TxnRequest request;
  request.success.push_back({PutOf(key, value)});
  return request;
}

TEST_CASE("BatchWriter: what waits is read with the commit of the batch before it") {
  if (!TestDatabase::OnServer()) return;
  Held held;
  for (int i = 0; i < 10; ++i) REQUIRE(held->Put(PutOf(fmt::format("/k/{}", i), "1")).ok());
  held.Forget();
  std::vector<std::future<Result<TxnResponse>>> answers;
  answers.push_back(held.SendAndHold(Putting("/k/0", "2")));
  for (int i = 1; i < 10; ++i) {
    answers.push_back(held.Send(Putting(fmt::format("/k/{}", i), "2")));
  }
  held.Release();
  for (auto& answer : answers) REQUIRE(answer.get().ok());
  CHECK(held.observer().Take("commit") == 2);
  CHECK(held.observer().Take("get") == 2);  // of the first batch, and with its commit
  const auto read = held->Range({.range = kAll});
  REQUIRE(read->kvs.size() == 10);
  for (const KeyValuePtr& pair : read->kvs) CHECK(pair->version == 2);
}

TEST_CASE("BatchWriter: creations need not be read before") {
  if (!TestDatabase::OnServer()) return;
  Held held;
  held.Forget();
  auto first = held.SendAndHold(Creation("/k/a", "1"));
  auto second = held.Send(Creation("/k/b", "1"));
  held.Release();
  CHECK(first.get()->succeeded);
  CHECK(second.get()->succeeded);
  CHECK(held.observer().Take("get") == 0);
}

TEST_CASE("BatchWriter: what was taken to be absent and is not is read, and the batch done again") {
  if (!TestDatabase::OnServer()) return;
  Held held;
  REQUIRE(held->Put(PutOf("/k/there", "old")).ok());
  held.Forget();
  auto absent = held.SendAndHold(Creation("/k/new", "1"));
  auto there = held.Send(Creation("/k/there", "2"));
  auto other = held.Send(Creation("/k/other", "3"));
  held.Release();
  CHECK(absent.get()->revision == 3);
  const auto refused = there.get();
  REQUIRE(refused.ok());
  CHECK_FALSE(refused->succeeded);
  CHECK(refused->revision == 3);
  CHECK(std::get<RangeResponse>(refused->responses.at(0).response).kvs.at(0)->value == "old");
  CHECK(other.get()->revision == 4);
  CHECK(held.observer().Take("get") > 0);
  // It is known now: nobody has to do this again.
  CHECK_FALSE(held.Send(Creation("/k/there", "4")).get()->succeeded);
  CHECK(held->Range({.range = kAll})->kvs.size() == 3);
}

TEST_CASE("BatchWriter: a guess that no row tells of is no answer") {
  if (!TestDatabase::OnServer()) return;
  Held held;
  REQUIRE(held->Put(PutOf("/k/there", "old")).ok());
  held.Forget();
  TxnRequest leased = Creation("/k/there", "1");
  std::get<PutRequest>(leased.success[0].request).lease = kUnknownLease;
  const auto refused = held.Send(leased).get();
  REQUIRE(refused.ok());  // it compares first, so the lease does not matter
  CHECK_FALSE(refused->succeeded);

  REQUIRE(held->Put(PutOf("/k/between", "1")).ok());
  held.Forget();
  TxnRequest deletion;
  deletion.success.push_back({DeleteRangeRequest{.range = {"/k/there", ""}, .prev_kv = true}});
  auto first = held.SendAndHold(Putting("/k/other", "1"));
  auto created = held.Send(Creation("/k/there", "2"));
  auto deleted = held.Send(deletion);
  held.Release();
  REQUIRE(first.get().ok());
  CHECK_FALSE(created.get()->succeeded);
  const auto gone = deleted.get();
  REQUIRE(gone.ok());
  const auto& response = std::get<DeleteRangeResponse>(gone->responses.at(0).response);
  REQUIRE(response.prev_kvs.size() == 1);
  CHECK(response.prev_kvs[0]->value == "old");
}

// --- Against a model ---

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

std::string Text(const Result<TxnResponse>& answer) {
  if (!answer.ok()) return fmt::format("error {}", static_cast<int>(answer.error().code));
  std::string text = fmt::format("{} at {}", answer->succeeded, answer->revision);
  for (const OperationResponse& one : answer->responses) {
    if (const auto* range = std::get_if<RangeResponse>(&one.response)) {
      text += " range " + Text(range->kvs);
    } else if (const auto* put = std::get_if<PutResponse>(&one.response)) {
      text += " put " + (put->prev_kv == nullptr ? "" : Text(*put->prev_kv));
    } else if (const auto* deleted = std::get_if<DeleteRangeResponse>(&one.response)) {
      text += " delete " + Text(deleted->prev_kvs);
    }
  }
  return text;
}

// What a store answers to one transaction after the other, as text.
class Model {
 public:
  explicit Model(Revision revision) : revision_(revision) {}

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
    bool changed = false;
    for (const Operation& operation : branch) {
      if (const auto* range = std::get_if<RangeRequest>(&operation.request)) {
        answers += " range " + Take(range->range, false);
      } else if (const auto* put = std::get_if<PutRequest>(&operation.request)) {
        answers += " put " + Put(*put);
        changed = true;
      } else if (const auto* deletion = std::get_if<DeleteRangeRequest>(&operation.request)) {
        const std::string deleted = Take(deletion->range, true);
        answers += " delete " + deleted;
        changed = changed || !deleted.empty();
      }
    }
    if (changed) ++revision_;
    return fmt::format("{} at {}{}", holds, revision_, answers);
  }

 private:
  std::string Put(const PutRequest& request) {
    const auto found = pairs_.find(request.key);
    const std::string before =
        found == pairs_.end() || !request.prev_kv ? "" : Text(found->first, found->second);
    ModelPair& pair = pairs_[request.key];
    if (pair.version++ == 0) pair.create = revision_ + 1;
    pair.mod = revision_ + 1;
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

TxnRequest RandomRequest(std::mt19937_64& random, const Model& model) {
  const auto below = [&](uint64_t bound) { return random() % bound; };
  const std::string key = fmt::format("/k/{}", below(12));
  const std::string value = fmt::format("v{}", random());
  TxnRequest request = Creation(key, value);
  auto& put = std::get<PutRequest>(request.success[0].request);
  switch (below(12)) {
    case 0:
      put.lease = kUnknownLease;
      break;
    case 1:
      request.success.push_back({RangeRequest{.range = kAll}});
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
      request.success[0] = {
          DeleteRangeRequest{.range = below(8) == 0 ? kAll : KeyRange{key, ""}, .prev_kv = true}};
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
    Model model(held->Range({.range = kAll})->revision);
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
