// Compares what the API holds with what it should hold, whenever a watch, a failure or time says
// so.
#include "launcher/policy_applier.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace kubase::launcher {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

const std::string kApiServices = "/apis/apiregistration.k8s.io/v1/apiservices";

// The server ends a watch after this; then it is opened again.
constexpr std::chrono::seconds kWatchLife{300};
constexpr std::chrono::seconds kWatchIdleMax{330};

// Without a resource version a watch begins with what exists, so nothing has to be listed before.
// An empty name stands for the whole collection.
std::string WatchPath(const std::string& collection, const std::string& name) {
  std::string path = collection + "?watch=true&allowWatchBookmarks=true&timeoutSeconds=" +
                     std::to_string(kWatchLife.count());
  if (!name.empty()) path += "&fieldSelector=metadata.name%3D" + name;
  return path;
}

std::string TextAt(const json& object, const json::json_pointer& where) {
  return object.contains(where) && object[where].is_string() ? object[where].get<std::string>()
                                                             : std::string();
}

bool IsOurs(const json& object) {
  static const json::json_pointer kManagedBy("/metadata/labels/app.kubernetes.io~1managed-by");
  return TextAt(object, kManagedBy) == "kubase";
}

bool IsSame(const json& found, const json& desired) {
  return IsOurs(found) && found.contains("spec") && found["spec"] == desired["spec"];
}

// The aggregator marks the services that it makes for CustomResourceDefinitions with "true".
bool IsOfDefinition(const json& service) {
  static const json::json_pointer kAutomanaged(
      "/metadata/labels/kube-aggregator.kubernetes.io~1automanaged");
  return TextAt(service, kAutomanaged) == "true";
}

// Group versions that are neither built in nor of a CustomResourceDefinition.
std::vector<GroupVersion> ForeignGroupVersions(const json& services) {
  static const json::json_pointer kGroup("/spec/group");
  static const json::json_pointer kVersion("/spec/version");
  std::vector<GroupVersion> foreign;
  for (const json& service : services.value("items", json::array())) {
    if (IsOfDefinition(service)) continue;
    GroupVersion entry{TextAt(service, kGroup), TextAt(service, kVersion)};
    if (!IsBuiltInGroup(entry.group)) foreign.push_back(std::move(entry));
  }
  return foreign;
}

}  // namespace

class PolicyApplier::Impl {
 public:
  Impl(KubeClient& client, Log& log, const PolicyApplierOptions& options)
      : client_(client), log_(log), options_(options), random_(options.random_seed) {}

  ~Impl() { Stop(); }

  void Start() {
    const std::stop_token stop = stop_.get_token();
    threads_.emplace_back([this, stop] { Work(stop); });
    std::vector<std::string> paths = {WatchPath(kApiServices, "")};
    const Result<PolicyObjects> objects = RenderPolicy(options_.choice, {});
    KUBASE_CHECK(objects.ok());
    for (const PolicyObject& wanted : objects->wanted) {
      paths.push_back(WatchPath(wanted.collection, wanted.name));
    }
    for (const std::string& path : paths) {
      threads_.emplace_back([this, path, stop] { KeepWatching(path, stop); });
    }
  }

  void Stop() {
    stop_.request_stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  PolicyStatus Status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

  bool WaitSettled(milliseconds timeout) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [this] { return status_.settled; });
  }

 private:
  struct Kept {
    json desired;          // what was applied last; null: nothing yet
    bool settled = false;  // the API held it when we looked last
  };

  void Work(const std::stop_token& stop) {
    milliseconds retry = options_.retry_min;
    while (!stop.stop_requested()) {
      const Result<void> result = Reconcile(stop);
      if (stop.stop_requested()) return;
      Publish(result);
      if (result.ok()) {
        retry = options_.retry_min;
        WaitDirty(options_.resync, stop);
      } else {
        Pause(WithJitter(retry), stop);
        retry = std::min(retry * 2, options_.retry_max);
      }
    }
  }

  Result<void> Reconcile(const std::stop_token& stop) {
    TakeDirty();
    KUBASE_ASSIGN_OR_RETURN(const json services, client_.Get(kApiServices, stop));
    KUBASE_ASSIGN_OR_RETURN(const PolicyObjects objects,
                            RenderPolicy(options_.choice, ForeignGroupVersions(services)));
    for (const PolicyObject& wanted : objects.wanted) {
      KUBASE_TRY(Ensure(wanted.Path(), wanted.object, stop));
    }
    for (const PolicyObject& unwanted : objects.unwanted) {
      KUBASE_TRY(RemoveIfOurs(unwanted.Path(), stop));
    }
    return Ok();
  }

  Result<void> Ensure(const std::string& path, const json& desired, const std::stop_token& stop) {
    Kept& kept = kept_[path];
    const bool undoing = kept.settled && kept.desired == desired;
    kept.desired = desired;
    Result<json> found = client_.Get(path, stop);
    if (!found.ok() && found.error().code != ErrorCode::kNotFound) return found.error();
    if (found.ok() && IsSame(*found, desired)) {
      kept.settled = true;
      return Ok();
    }
    kept.settled = false;
    KUBASE_TRY(Write(path, desired, stop));
    kept.settled = true;
    Report(path, !found.ok(), undoing);
    if (undoing) Pause(options_.put_back_gap, stop);
    return Ok();
  }

  // Server-side apply leaves what others added to a list; then the whole object is replaced.
  Result<void> Write(const std::string& path, const json& desired, const std::stop_token& stop) {
    KUBASE_ASSIGN_OR_RETURN(const json applied, client_.Apply(path, desired, stop));
    if (IsSame(applied, desired)) return Ok();
    json whole = desired;
    whole["metadata"]["resourceVersion"] =
        TextAt(applied, json::json_pointer("/metadata/resourceVersion"));
    KUBASE_ASSIGN_OR_RETURN(const json replaced, client_.Put(path, whole, stop));
    if (IsSame(replaced, desired)) return Ok();
    return Error{ErrorCode::kInternal,
                 "the API keeps the admission policy in another form than it was given"};
  }

  void Report(const std::string& path, bool was_missing, bool undoing) {
    if (!undoing) {
      log_.Info("applied an admission policy", {{"path", path}});
      return;
    }
    log_.Warning(was_missing ? "an admission policy of kubase was deleted; put it back"
                             : "an admission policy of kubase was changed; put it back",
                 {{"path", path}});
    const std::lock_guard lock(mutex_);
    ++status_.put_back_total;
  }

  Result<void> RemoveIfOurs(const std::string& path, const std::stop_token& stop) {
    const Result<json> found = client_.Get(path, stop);
    if (!found.ok() && found.error().code == ErrorCode::kNotFound) return Ok();
    if (!found.ok()) return found.error();
    if (!IsOurs(*found)) {
      if (left_alone_.insert(path).second) {
        log_.Warning("left an admission policy alone that kubase did not make", {{"path", path}});
      }
      return Ok();
    }
    const Result<json> removed = client_.Delete(path, stop);
    if (!removed.ok() && removed.error().code != ErrorCode::kNotFound) return removed.error();
    log_.Info("removed an admission policy", {{"path", path}});
    return Ok();
  }

  void KeepWatching(const std::string& path, const std::stop_token& stop) {
    milliseconds retry = options_.retry_min;
    while (!stop.stop_requested()) {
      const auto on_event = [&](const WatchEvent& event) {
        retry = options_.retry_min;
        // Definitions come by the hundred and change nothing here.
        if (event.type != "BOOKMARK" && !IsOfDefinition(event.object)) MarkDirty();
        return true;
      };
      const Result<void> ended = client_.Watch(path, kWatchIdleMax, on_event, stop);
      if (stop.stop_requested()) return;
      // Something may have happened while nobody watched; the next watch begins with what exists,
      // but a deletion would leave no trace in it.
      MarkDirty();
      if (!ended.ok()) {
        log_.Debug("a watch on the admission policies broke", {{"cause", ended.error().message}});
        Pause(WithJitter(retry), stop);
        retry = std::min(retry * 2, options_.retry_max);
      }
    }
  }

  milliseconds WithJitter(milliseconds delay) {
    const std::lock_guard lock(mutex_);
    std::uniform_int_distribution<int64_t> extra(0, delay.count() / 2);
    return delay + milliseconds(extra(random_));
  }

  void Publish(const Result<void>& result) {
    std::string earlier;
    {
      const std::lock_guard lock(mutex_);
      earlier = std::exchange(status_.problem, result.ok() ? "" : result.error().message);
      status_.settled = result.ok();
      changed_.notify_all();
    }
    if (!result.ok() && earlier != result.error().message) {
      log_.Warning("cannot apply the admission policies; trying again",
                   {{"cause", result.error().message}});
    }
  }

  void MarkDirty() {
    const std::lock_guard lock(mutex_);
    dirty_ = true;
    changed_.notify_all();
  }

  void TakeDirty() {
    const std::lock_guard lock(mutex_);
    dirty_ = false;
  }

  void WaitDirty(milliseconds timeout, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, timeout, [this] { return dirty_; });
  }

  void Pause(milliseconds duration, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, duration, [] { return false; });
  }

  KubeClient& client_;
  Log& log_;
  const PolicyApplierOptions options_;
  std::map<std::string, Kept> kept_;  // by path; of the worker alone
  std::set<std::string> left_alone_;  // paths; of the worker alone

  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  PolicyStatus status_;  // guarded by mutex_
  bool dirty_ = false;   // guarded by mutex_
  std::mt19937 random_;  // guarded by mutex_

  std::stop_source stop_;
  std::vector<std::thread> threads_;
};

PolicyApplier::PolicyApplier(KubeClient& client, Log& log, const PolicyApplierOptions& options)
    : impl_(std::make_unique<Impl>(client, log, options)) {}

PolicyApplier::~PolicyApplier() = default;

void PolicyApplier::Start() {
  impl_->Start();
}
void PolicyApplier::Stop() {
  impl_->Stop();
}
PolicyStatus PolicyApplier::Status() const {
  return impl_->Status();
}
bool PolicyApplier::WaitSettled(milliseconds timeout) const {
  return impl_->WaitSettled(timeout);
}

}  // namespace kubase::launcher
