// For tests: a small Kubernetes API over mutual TLS, with certificates of the real PKI. It keeps
// objects by path, counts requests, and streams watch events. Nothing of it knows the policy.
#pragma once

#include <httplib.h>
#include <openssl/x509.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "launcher/kube_client.h"
#include "launcher/pki.h"
#include "launcher/test_directory.h"

namespace kubase::launcher {

class TestApi {
 public:
  TestApi() {
    Result<Pki> pki = EnsurePki({.directory = directory_ / "pki"}, SystemClock());
    KUBASE_CHECK(pki.ok());
    pki_ = std::move(pki).value();
    server_ = std::make_unique<httplib::SSLServer>(pki_.apiserver.certificate.c_str(),
                                                   pki_.apiserver.key.c_str(),
                                                   pki_.ca.certificate.c_str());
    KUBASE_CHECK(server_->is_valid());
    // Each watch occupies a thread.
    server_->new_task_queue = [] { return new httplib::ThreadPool(24); };
    AddRoutes();
    port_ = server_->bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::yield();
  }

  ~TestApi() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      changed_.notify_all();
    }
    server_->stop();
    thread_.join();
  }

  KubeClientOptions ClientOptions() const {
    return {.host = "127.0.0.1",
            .port = port_,
            .ca = pki_.ca.certificate,
            .certificate = pki_.admin.certificate,
            .key = pki_.admin.key};
  }
  const Pki& pki() const { return pki_; }

  // Changes by someone else, seen by watches.
  void Put(const std::string& path, nlohmann::json object) {
    const std::lock_guard lock(mutex_);
    Store(path, std::move(object));
  }
  void Remove(const std::string& path) {
    const std::lock_guard lock(mutex_);
    Erase(path);
  }
  // Null when it is not there.
  nlohmann::json At(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(path);
    return found == objects_.end() ? nlohmann::json() : found->second;
  }
  // "GET /path" and how often.
  int Count(const std::string& method_and_path) {
    const std::lock_guard lock(mutex_);
    return counts_[method_and_path];
  }
  int Watches() {
    const std::lock_guard lock(mutex_);
    return watches_;
  }
  // Every request is answered with this status; 0: normally.
  void FailWith(int status) {
    const std::lock_guard lock(mutex_);
    failure_ = status;
    ++watch_generation_;  // ends the watches
    changed_.notify_all();
  }

  // True: it became so within ten seconds.
  bool Wait(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

 private:
  using Request = httplib::Request;
  using Response = httplib::Response;

  struct Event {
    std::string collection;
    std::string line;
  };

  void AddRoutes() {
    server_->Get("/apis/.*", [this](const Request& request, Response& response) {
      request.has_param("watch") ? StartWatch(request.path, response) : Read(request, response);
    });
    server_->Get("/readyz", [](const Request&, Response& response) {
      response.set_content("[+]ping ok\nreadyz check passed\n", "text/plain");
    });
    const auto write = [this](const Request& request, Response& response) {
      const std::lock_guard lock(mutex_);
      if (Refused(request, response)) return;
      response.set_content(Store(request.path, nlohmann::json::parse(request.body)).dump(),
                           "application/json");
    };
    server_->Put("/apis/.*", write);
    server_->Patch("/apis/.*", [this](const Request& request, Response& response) {
      const std::lock_guard lock(mutex_);
      if (Refused(request, response)) return;
      if (request.get_header_value("Content-Type") != "application/apply-patch+yaml" ||
          request.get_param_value("fieldManager") != "kubase" ||
          request.get_param_value("force") != "true") {
        response.status = 415;
        return;
      }
      // As server-side apply does: what others added beside the applied fields stays.
      nlohmann::json merged = objects_[request.path];
      merged.merge_patch(nlohmann::json::parse(request.body));
      response.set_content(Store(request.path, std::move(merged)).dump(), "application/json");
    });
    server_->Delete("/apis/.*", [this](const Request& request, Response& response) {
      const std::lock_guard lock(mutex_);
      if (Refused(request, response)) return;
      Erase(request.path);
      response.set_content(R"({"kind":"Status","status":"Success"})", "application/json");
    });
  }

  bool Refused(const Request& request, Response& response) {
    ++counts_[request.method + " " + request.path];
    if (failure_ == 0) return false;
    response.status = failure_;
    response.set_content(R"({"kind":"Status","message":"refused by the test"})",
                         "application/json");
    return true;
  }

  void Read(const Request& request, Response& response) {
    const std::lock_guard lock(mutex_);
    if (Refused(request, response)) return;
    if (const auto found = objects_.find(request.path); found != objects_.end()) {
      response.set_content(found->second.dump(), "application/json");
      return;
    }
    nlohmann::json items = nlohmann::json::array();
    for (const auto& [path, object] : objects_) {
      if (path.starts_with(request.path + "/")) items.push_back(object);
    }
    if (items.empty() && !request.path.ends_with("s")) {
      response.status = 404;
      response.set_content(R"({"kind":"Status","message":"not there","code":404})",
                           "application/json");
      return;
    }
    response.set_content(nlohmann::json{{"items", items}}.dump(), "application/json");
  }

  void StartWatch(const std::string& collection, Response& response) {
    const std::lock_guard lock(mutex_);
    if (failure_ != 0) {
      response.status = failure_;
      return;
    }
    ++watches_;
    struct State {
      size_t next;
      int generation;
    };
    auto state = std::make_shared<State>(State{events_.size(), watch_generation_});
    std::string backlog;
    for (const auto& [path, object] : objects_) {
      if (path.starts_with(collection + "/")) backlog += Line("ADDED", object);
    }
    auto first = std::make_shared<std::string>(backlog);
    response.set_chunked_content_provider("application/json", [this, collection, state, first](
                                                                  size_t, httplib::DataSink& sink) {
      std::unique_lock lock(mutex_);
      if (!first->empty()) return SendLine(sink, std::exchange(*first, ""));
      // A client that went away is noticed by writing: a bookmark now and then.
      const bool woken = changed_.wait_for(lock, std::chrono::milliseconds(200), [&] {
        return closing_ || watch_generation_ != state->generation || state->next < events_.size();
      });
      if (!woken) return SendLine(sink, Line("BOOKMARK", nlohmann::json::object()));
      if (closing_ || watch_generation_ != state->generation) {
        sink.done();
        return true;
      }
      const Event& event = events_[state->next++];
      return event.collection != collection || SendLine(sink, event.line);
    });
  }

  static bool SendLine(httplib::DataSink& sink, const std::string& line) {
    return sink.write(line.data(), line.size());
  }

  static std::string Line(const char* type, const nlohmann::json& object) {
    return nlohmann::json{{"type", type}, {"object", object}}.dump() + "\n";
  }

  void AddEvent(const std::string& path, const char* type, const nlohmann::json& object) {
    events_.push_back({path.substr(0, path.rfind('/')), Line(type, object)});
    changed_.notify_all();
  }

  const nlohmann::json& Store(const std::string& path, nlohmann::json object) {
    object["metadata"]["resourceVersion"] = std::to_string(++revision_);
    const bool is_new = !objects_.contains(path);
    objects_[path] = std::move(object);
    AddEvent(path, is_new ? "ADDED" : "MODIFIED", objects_[path]);
    return objects_[path];
  }

  void Erase(const std::string& path) {
    AddEvent(path, "DELETED", objects_[path]);
    objects_.erase(path);
  }

  TestDirectory directory_;
  Pki pki_;
  std::unique_ptr<httplib::SSLServer> server_;
  int port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closing_ = false;
  int failure_ = 0;
  int watches_ = 0;
  int watch_generation_ = 0;
  int64_t revision_ = 0;
  std::map<std::string, nlohmann::json> objects_;
  std::map<std::string, int> counts_;
  std::vector<Event> events_;
  std::thread thread_;
};

}  // namespace kubase::launcher
