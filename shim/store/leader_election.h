// LeaderElection: which of the processes on one database leads.
//
// The leader renews its record in the database every second, and trusts its memory for three from
// the start of each renewal that succeeds. A candidate takes the lead when the record has stood
// still before its eyes for five, or at once from a process that has certainly ended. Taking it
// changes the epoch that guards every write, so that no mistake about time can let two of them
// write; it could only make one that woke up late answer a read from memory that is out of date,
// and the two seconds between are there for that.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/base/result.h"
#include "shim/sql/database.h"
#include "shim/store/leader_lease.h"

namespace kubase::store {

struct LeaderElectionOptions {
  std::string address;  // where clients find this process
  std::string process;  // empty: as process_identity.h has it
  std::chrono::milliseconds renew_interval{1000};
  std::chrono::milliseconds lease_duration{3000};
  std::chrono::milliseconds takeover_after{5000};  // well above lease_duration
  std::chrono::milliseconds look_interval{500};    // of a candidate
};

// Used by one thread, but for lease().
class LeaderElection {
 public:
  // What a candidate sees at each look: who leads (term 0: nobody), or why that cannot be read, or
  // why the lead, which nobody has, cannot be taken.
  using Observer = std::function<void(const Result<sql::LeaderRecord>&)>;

  // The references must outlive it.
  LeaderElection(LeaderElectionOptions options, sql::Database& database, const Clock& clock,
                 Log& log);
  ~LeaderElection();  // as GiveUp

  // Waits for the lead; the lease is renewed from then on. False: `stop` came first.
  bool Campaign(std::stop_token stop, const Observer& observer);
  // As Campaign, for who does not wait for the end of another's lead. Errors: kLeaderChanged (it is
  // alive; the message says where), those of the database.
  Result<void> TakeUnlessAlive();
  // Of the present lead; 0 on an engine of one process.
  int64_t term() const { return term_; }
  // True: the lead is lost. False: `stop` came first.
  bool WaitUntilLost(std::stop_token stop);
  // Lets WaitUntilLost return: another has written to the database. Any thread.
  void NoteLost();
  // Ends the lead, lost or not, so that others need not wait for it. To be called when nothing of
  // this process writes any more. Idempotent.
  void GiveUp();

  // Any thread.
  const LeaderLease& lease() const { return lease_; }

 private:
  Result<sql::LeaderRecord> Look();
  bool MayTake(const sql::LeaderRecord& record) const;
  Result<void> Take(const sql::LeaderRecord& seen);
  void KeepRenewing();
  void Wait(std::stop_token stop, std::chrono::milliseconds time);

  const LeaderElectionOptions options_;
  sql::Database& database_;
  const Clock& clock_;
  Log& log_;
  const std::string process_;
  LeaderLease lease_;
  std::unique_ptr<sql::Connection> connection_;  // the candidate's, then the renewing thread's
  int64_t term_ = 0;
  bool leads_ = false;

  // The record that stands still, and since when by Clock::NowWithSleep.
  std::optional<sql::LeaderRecord> candidate_for_;
  MonotonicTime unchanged_since_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool lost_ = false;    // guarded by mutex_
  bool ending_ = false;  // guarded by mutex_
  std::thread renewing_;
};

}  // namespace kubase::store
