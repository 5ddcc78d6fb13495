// What the roles of a storage mean for the etcd API of this process, and where others find it.
#pragma once

#include <chrono>
#include <string>

#include "launcher/storage.h"
#include "shim/wire/server.h"

namespace kubase::launcher {

// The server serves the store, or forwards to who leads, or lets connections wait; calls get
// `drain` to finish when the store goes. The server must outlive the storage.
StorageRoles RolesOf(wire::Server& server, std::chrono::milliseconds drain);

// Where other machines find a server that listens at `bound` (`host:port` or `unix:///path`):
// there, or, when that is every address of this machine, at the one of its default route.
std::string AdvertisedAddress(const std::string& bound);

}  // namespace kubase::launcher
