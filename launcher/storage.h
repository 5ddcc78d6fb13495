// Storage: the database, and the store over it while this process leads it. As both `up` and
// `serve` need them.
//
// Of several processes on a database one leads and has the store; the others follow it, and one of
// them takes over when it is gone (store::LeaderElection). A thread of the storage changes roles.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "launcher/endpoint.h"
#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/sql/statement_metrics.h"
#include "shim/store/leader_election.h"
#include "shim/store/sql_store.h"

namespace kubase::launcher {

struct StorageOptions {
  Endpoint endpoint;
  std::string address;  // where other processes on the database find this one's etcd API
  std::chrono::milliseconds progress_interval{0};   // 0: the store's default
  std::chrono::milliseconds slow_sql_threshold{0};  // 0: no statement is logged as slow
  int64_t quota_bytes = 0;                          // 0: none
  bool collects_garbage = true;                     // as store::SqlStoreOptions has it
};

// What to do when the role changes; from the storage's thread.
struct StorageRoles {
  // It leads, in this term: `store` may be served until `wait` has returned.
  std::function<Result<void>(store::Store& store, int64_t term)> lead;
  // Another leads.
  std::function<Result<void>(const sql::LeaderRecord& leader)> follow;
  // From any thread, while another leads: whether clients get through to it, within `timeout`.
  std::function<Result<void>(std::chrono::milliseconds timeout)> reach;
  // Neither, at the moment. When it returns, nobody uses the store any more.
  std::function<void()> wait;
};

class Storage {
 public:
  // Opens or creates the database; the directory of its file is created (0700). It leads or follows
  // when it returns. The references must outlive it. Errors: those of the database, with a sentence
  // for the user; of `roles`.
  static Result<std::unique_ptr<Storage>> Open(const StorageOptions& options, StorageRoles roles,
                                               prometheus::Registry& registry, const Clock& clock,
                                               Log& log);
  ~Storage();  // as Stop

  // While it leads, and until its `wait` has returned.
  store::Store& store() { return *store_; }

  enum class Role { kWaits, kLeads, kFollows };
  struct RoleStatus {
    Role role = Role::kWaits;
    std::string leader;   // its address, when it follows
    std::string problem;  // why it cannot see who leads; empty: it can
  };
  RoleStatus role() const;
  // For one that follows: as StorageRoles::reach.
  Result<void> ReachLeader(std::chrono::milliseconds timeout) const {
    return roles_.reach(timeout);
  }

  // What the store says of itself, within `timeout`. Errors: kDeadlineExceeded, kLeaderChanged
  // (this process does not lead), those of the store.
  Result<store::StoreStatus> ReadStatus(std::chrono::milliseconds timeout);

  // Empty when it does not lead.
  std::vector<store::KindCount> CountKinds() const;

  // As the store's, within `timeout`. Errors: as ReadStatus.
  Result<store::DeletionPreview> PreviewDeletion(store::PreviewRequest request,
                                                 std::chrono::milliseconds timeout);

  // Whether the readers and the writer of the store work, if there is one; nothing is written. An
  // error that they answer with is a sign of life too. Errors: kDeadlineExceeded, kOverloaded
  // (nothing was heard of them, since too much else is waiting).
  Result<void> CheckAlive(std::chrono::milliseconds timeout);

  // Waits until `stop` is triggered or `timeout` has passed (success), or the store refuses service
  // for good (kCorrupt; the message says why).
  Result<void> WaitForFailure(std::stop_token stop, std::chrono::milliseconds timeout);

  // Ends its role, with `wait` and all that was accepted, and gives up the lead. Idempotent.
  void Stop();

 private:
  Storage(const StorageOptions& options, StorageRoles roles, prometheus::Registry& registry,
          const Clock& clock, Log& log);

  void RunRoles(std::stop_token stop);
  void Observe(const Result<sql::LeaderRecord>& seen);
  // Until the lead is lost (success) or `stop`. After an error nothing of the store is left.
  Result<void> Lead(std::stop_token stop);
  Result<void> OpenStore();
  void CloseStore(bool lost);
  void SetRole(RoleStatus role);
  // Of the first role that it has, or fails to have.
  void Settle(const Result<void>& result);

  // What the store calls back with, within `timeout`; `who` is named when nothing comes.
  template <typename T, typename Ask>
  Result<T> Await(std::chrono::milliseconds timeout, const std::string& who, Ask ask);
  bool GivesSpaceBack() const;

  const StorageOptions options_;
  const StorageRoles roles_;
  prometheus::Registry& registry_;
  const Clock& clock_;
  const std::unique_ptr<Log> log_;
  sql::StatementMetrics statement_metrics_;
  prometheus::Gauge& is_leader_;
  prometheus::Counter& leader_changes_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<store::LeaderElection> election_;

  mutable std::shared_mutex store_mutex_;  // held while somebody waits for the store's answer
  std::unique_ptr<store::SqlStore> store_;

  mutable std::mutex mutex_;
  RoleStatus role_;                          // guarded by mutex_
  std::optional<sql::LeaderRecord> leader_;  // followed; the thread's, as the next
  store::Revision served_revision_ = 0;      // that clients of this process have seen
  std::optional<std::promise<Result<void>>> settled_{std::in_place};  // the thread's
  std::jthread thread_;
};

}  // namespace kubase::launcher
