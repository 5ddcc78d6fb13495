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
#include "shim/store/widgets_test.h"
#include "tests/support/held_writes.h"
#include "tests/support/lost_answers.h"

namespace kubase::store {
namespace {

using testing::TestDatabase;

constexpr LeaseId kUnknownLease = 999;
const KeyRange kBatchKeys{"/k/", "/k0"};

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
                   auto losing =
                       std::make_unique<testing::LostAnswers>(std::move(database), next_commit_);
                   return std::make_unique<testing::HeldWrites>(std::move(losing), hold_);
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
  void Lose(testing::NextCommit how) { next_commit_ = how; }
  // Memory knows no pair then, and the writer has nothing to do.
  void Forget() {
    fixture_.Close();
    fixture_.Open();
    REQUIRE(fixture_.Compact(fixture_.Range({.range = kBatchKeys})->revision).ok());
    for (const char* name : {"get", "commit"}) observer_.Take(name);
  }

 private:
  testing::Hold hold_;
  std::atomic<testing::NextCommit> next_commit_{testing::NextCommit::kAnswered};
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
  const auto read = held->Range({.range = kBatchKeys});
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
  CHECK(held->Range({.range = kBatchKeys})->kvs.size() == 3);
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

TEST_CASE("BatchWriter: what was read with a commit whose answer is lost is worth nothing") {
  if (!TestDatabase::OnServer()) return;
  const auto lost =
      GENERATE(testing::NextCommit::kDoneButLost, testing::NextCommit::kUndoneAndLost);
  const bool done = lost == testing::NextCommit::kDoneButLost;
  Held held;
  REQUIRE(held->Put(PutOf("/k/a", "1")).ok());
  REQUIRE(held->Put(PutOf("/k/b", "1")).ok());
  held.Forget();
  auto first = held.SendAndHold(Putting("/k/a", "2"));
  auto waiting = held.Send(Putting("/k/b", "2"));
  held.Lose(lost);
  held.Release();
  CHECK(first.get().ok() == done);
  CHECK(waiting.get().error().code == ErrorCode::kUnavailable);
  CHECK(held.Send(Putting("/k/b", "3")).get().ok());
  const auto read = held->Range({.range = kBatchKeys});
  REQUIRE(read->kvs.size() == 2);
  CHECK(read->kvs[0]->version == (done ? 2 : 1));
  CHECK(read->kvs[1]->version == 2);
  CHECK(read->kvs[1]->value == "3");
}

TEST_CASE("BatchWriter: a row that is there costs no more than to read it") {
  if (!TestDatabase::OnServer()) return;
  Held held;
  REQUIRE(held->Put(PutOf("/k/there", "old")).ok());
  held.Forget();
  for (const char* name : {"list_kinds", "count_collections"}) held.observer().Take(name);
  CHECK_FALSE(held.Send(Creation("/k/there", "2")).get()->succeeded);
  for (const char* name : {"list_kinds", "count_collections"}) {
    CHECK(held.observer().Take(name) == 0);  // what memory knows of the indexes still holds
  }
}

TEST_CASE("BatchWriter: a batch that is done again leaves the index as if it were done once") {
  if (!TestDatabase::OnServer()) return;
  Held held;
  REQUIRE(held->Put(PutOf("/k/there", "old")).ok());
  held.Forget();
  const std::string key = kWidgetsPrefix + "ns/one";
  const std::string widget =
      R"({"metadata":{"name":"one","namespace":"ns","uid":"u","labels":{"color":"red"}}})";
  auto first = held.SendAndHold(Creation(key, widget));  // of its kind, with its labels
  auto there = held.Send(Creation("/k/there", "2"));
  held.Release();
  CHECK(first.get()->succeeded);
  CHECK_FALSE(there.get()->succeeded);
  const std::string other = kWidgetsPrefix + "ns/two";
  REQUIRE(held.Send(Creation(other, widget)).get()->succeeded);
  CHECK(ListKeys(*held.operator->(), kWidgets, "color=red", "") ==
        std::vector<std::string>{key, other});
  held.Forget();
  CHECK(ListKeys(*held.operator->(), kWidgets, "color=red", "") ==
        std::vector<std::string>{key, other});
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
