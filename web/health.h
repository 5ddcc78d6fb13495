// Health answers in the format of kube-apiserver, so that probes and people can read them alike.
//
// One difference: a failed check tells its problem instead of "reason withheld", because these
// endpoints are served to the operator and hold no secrets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "web/status_source.h"

namespace kubase::web {

struct HealthRequest {
  std::string_view endpoint;          // "readyz"
  bool verbose = false;               // a failure is always verbose
  std::vector<std::string> excluded;  // names of checks that do not count
};

struct HealthAnswer {
  bool ok = false;
  std::string text;
};

HealthAnswer AnswerHealth(const HealthRequest& request, const std::vector<Check>& checks);

}  // namespace kubase::web
