// The etcd version that is shown to clients, and the texts that follow from it.
#pragma once

#include <string>
#include <string_view>

#include "shim/base/result.h"

namespace kubase::wire {

struct EtcdVersion {
  std::string text;  // "3.7.3"
  int major = 0;
  int minor = 0;

  std::string MajorMinor() const { return std::to_string(major) + "." + std::to_string(minor); }
  // Of the cluster and its storage, as etcd writes it: "3.7.0".
  std::string Cluster() const { return MajorMinor() + ".0"; }
};

// "3.7.3" or "3.7". Errors: kInvalidArgument.
Result<EtcdVersion> ParseEtcdVersion(std::string_view text);

}  // namespace kubase::wire
