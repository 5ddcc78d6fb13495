// Endpoints: what each path answers, as a function from a request head to a reply.
//
// Only GET and HEAD exist here, so nothing on this server changes anything. Actions will be
// endpoints of their own, with their own checks of who asks.
#pragma once

#include <prometheus/collectable.h>

#include <memory>
#include <string>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "web/http_connection.h"
#include "web/listener.h"
#include "web/preview_source.h"
#include "web/status_source.h"

namespace kubase::web {

struct EndpointOptions {
  std::string version;
  std::string commit;
  std::string kubernetes_version;          // empty: the shim alone
  std::vector<std::string> allowed_hosts;  // see HostGuard
  std::string
      allowed_hosts_flag;  // of the command line, named when a Host is refused; may be empty
};

// What is asked for the answers.
struct Sources {
  StatusSource& status;
  PreviewSource* previews = nullptr;  // null: there are none here
};

class HttpAdapter;

// Any thread, several at once.
class Endpoints {
 public:
  // All must outlive this.
  Endpoints(const EndpointOptions& options, const Sources& sources,
            const prometheus::Collectable& metrics, Log& log, const Clock& clock);
  ~Endpoints();

  // A reply for every input, also for one that is no HTTP. `head` ends with an empty line.
  Reply Answer(const std::string& head, Reach reach) const;

  // True for the cheap paths that probes ask for; they get workers of their own.
  static bool IsProbe(const std::string& head);
  // True for the path whose answers take as long as what they tell of is large.
  static bool IsPreview(const std::string& head);

 private:
  class Router;
  std::unique_ptr<Router> router_;
  std::unique_ptr<HttpAdapter> adapter_;
};

}  // namespace kubase::web
