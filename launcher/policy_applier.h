// PolicyApplier: applies the admission policies as soon as the API is ready and keeps them applied.
//
// One thread per watched thing (each object, the API services) wakes one worker; the worker alone
// changes anything. What is unwanted is removed only when it carries kubase's label.
// Applying is idempotent, so a missed or doubled event costs one request.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "launcher/kube_client.h"
#include "launcher/policy.h"
#include "shim/base/log.h"

namespace kubase::launcher {

struct PolicyApplierOptions {
  SkipCachingChoice choice;
  // How long after a failure it is tried again; doubled up to `retry_max`, with up to half more.
  std::chrono::milliseconds retry_min{200};
  std::chrono::milliseconds retry_max{10'000};
  // Between two changes that were undone: someone who keeps fighting costs one request a second.
  std::chrono::milliseconds put_back_gap{1'000};
  // Everything is compared at least this often, should a watch have missed something.
  std::chrono::milliseconds resync{300'000};
  unsigned random_seed = 0;  // of the jitter
};

struct PolicyStatus {
  bool settled = false;        // the API holds what it should (for `none`: holds nothing of ours)
  std::string problem;         // one sentence while it is not settled; empty: not tried yet
  int64_t put_back_total = 0;  // times that a change or removal by hand was undone
};

// `client` and `log` must outlive it. Status: any thread.
class PolicyApplier {
 public:
  PolicyApplier(KubeClient& client, Log& log, const PolicyApplierOptions& options);
  ~PolicyApplier();  // stops and joins
  PolicyApplier(const PolicyApplier&) = delete;
  PolicyApplier& operator=(const PolicyApplier&) = delete;

  // Starts the threads; call it once, when the API is ready (earlier is harmless: it retries).
  void Start();
  // Ends the calls in flight and joins. Idempotent. The policy stays in the API.
  void Stop();
  PolicyStatus Status() const;
  // True: settled in time.
  bool WaitSettled(std::chrono::milliseconds timeout) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kubase::launcher
