// Edge: what every service needs, in one place; owned by the server, outlives all calls.
#pragma once

#include <string>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/log.h"
#include "shim/store/store.h"
#include "shim/wire/convert.h"
#include "shim/wire/etcd_version.h"
#include "shim/wire/gate.h"
#include "shim/wire/rpc_metrics.h"

namespace kubase::wire {

struct Edge {
  store::Store& store;
  const Clock& clock;
  Log& log;
  Gate& gate;
  RpcMetrics& metrics;
  Identity identity;
  EtcdVersion etcd_version;
  std::vector<std::string> client_urls;  // for MemberList
};

}  // namespace kubase::wire
