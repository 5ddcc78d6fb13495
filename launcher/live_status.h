// LiveStatus: the StatusSource of a running kubase, put together from its parts when somebody asks.
//
// Checks are "store", one per component, and "policy"; all must be ok to be ready.
#pragma once

#include <prometheus/registry.h>

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "launcher/pki.h"
#include "launcher/policy_applier.h"
#include "launcher/storage.h"
#include "launcher/supervisor.h"
#include "shim/base/clock.h"
#include "web/status_source.h"

namespace kubase::launcher {

// What does not change while kubase runs.
struct StatusFacts {
  std::string version;
  std::string kubernetes_version;  // empty: the shim alone
  std::string data_dir;
  std::string server_url;
  std::string kubeconfig_path;
  std::string database_location;
  std::vector<std::string> components;  // that have to run; empty: the shim alone
};

// The events counted so far -> events per second over the last minute, or since the first look.
class RateMeter {
 public:
  double Update(MonotonicTime now, int64_t total);

 private:
  struct Sample {
    MonotonicTime time;
    int64_t total;
  };
  std::deque<Sample> samples_;  // at most a minute old, but for the oldest
};

// The check "store". `reach_leader` is asked by one that follows and sees whom: its clients are
// served by nobody else.
web::Check CheckStore(const Result<store::StoreStatus>& store, const Storage::RoleStatus& role,
                      const std::function<Result<void>()>& reach_leader);

class LiveStatus final : public web::StatusSource {
 public:
  // Must outlive this. The last two are null when the shim runs alone.
  struct Parts {
    Storage& storage;
    const prometheus::Registry& registry;
    const Supervisor* supervisor = nullptr;
    const PolicyApplier* policy = nullptr;
  };

  LiveStatus(StatusFacts facts, Parts parts, const Clock& clock);

  // Any thread.
  void SetCertificates(std::vector<CertificateFile> certificates);

  web::ApplianceStatus ReadStatus() override;
  std::vector<web::Check> ReadChecks() override;

 private:
  web::Check ReadStoreCheck(const Result<store::StoreStatus>& store,
                            const Storage::RoleStatus& role) const;
  std::vector<web::Check> MakeChecks(web::Check store,
                                     const std::vector<ChildStatus>& children) const;
  std::vector<ChildStatus> ReadChildren() const;
  web::TrafficStatus ReadTraffic(const Result<store::StoreStatus>& store);

  const StatusFacts facts_;
  const Parts parts_;
  const Clock& clock_;
  const MonotonicTime start_;
  std::mutex mutex_;
  RateMeter requests_;                         // guarded by mutex_
  std::vector<CertificateFile> certificates_;  // guarded by mutex_
};

}  // namespace kubase::launcher
