// KubeClient: a few calls to a Kubernetes API over HTTPS with a client certificate.
//
// A new connection for each call: the launcher makes few of them, and a certificate that was
// renewed is then used at once. Not a general client: no paging, no discovery, JSON only.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>

#include "shim/base/result.h"

namespace kubase::launcher {

struct KubeClientOptions {
  std::string host;  // a name or address of the serving certificate
  int port = 0;
  std::filesystem::path ca;
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::chrono::milliseconds timeout{10'000};  // of one call, all of it; watches have their own
};

struct WatchEvent {
  std::string type;  // ADDED, MODIFIED, DELETED, BOOKMARK
  nlohmann::json object;
};

// Any thread, several at once. A call whose stop token is triggered ends at once (kCancelled), and
// the trigger returns when it has ended; so do not trigger while holding what `on_event` needs.
// Errors: kUnavailable (cannot connect, or 429, 500 to 504; nothing is known to have been done for
// reads), kOutcomeUnknown (a change was sent and no answer came), kDeadlineExceeded (reads only),
// kNotFound (404), kAlreadyExists (409), kPermissionDenied (401, 403), kInvalidArgument (other
// 4xx), kCompacted (410), kCorrupt (the answer is not JSON). Messages carry the server's own words.
class KubeClient {
 public:
  virtual ~KubeClient() = default;

  // `path` begins with a slash and is percent-encoded, with the query.
  virtual Result<nlohmann::json> Get(const std::string& path, std::stop_token stop) = 0;
  // The body as it is, for /readyz?verbose and the like.
  virtual Result<std::string> GetText(const std::string& path, std::stop_token stop) = 0;
  virtual Result<nlohmann::json> Post(const std::string& path, const nlohmann::json& body,
                                      std::stop_token stop) = 0;
  virtual Result<nlohmann::json> Put(const std::string& path, const nlohmann::json& body,
                                     std::stop_token stop) = 0;
  // Server-side apply with force, as field manager "kubase".
  virtual Result<nlohmann::json> Apply(const std::string& path, const nlohmann::json& body,
                                       std::stop_token stop) = 0;
  virtual Result<nlohmann::json> Delete(const std::string& path, std::stop_token stop) = 0;
  // Streams events of `path` (a list path with watch=true and timeoutSeconds=… in its query) until
  // the server ends the watch (success), `on_event` returns false (success), an ERROR event comes
  // (its error), nothing arrives for `idle_max`, or the connection breaks (kUnavailable).
  virtual Result<void> Watch(const std::string& path, std::chrono::seconds idle_max,
                             const std::function<bool(const WatchEvent&)>& on_event,
                             std::stop_token stop) = 0;
};

// A client that talks to a real server. Nothing is opened yet.
std::unique_ptr<KubeClient> MakeKubeClient(const KubeClientOptions& options);

}  // namespace kubase::launcher
