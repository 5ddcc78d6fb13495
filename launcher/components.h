// The Kubernetes components as processes: exact arguments and environment, pure functions of
// values.
//
// kube-apiserver runs without its watch cache: kubase answers lists and selectors from the database
// and feeds every watch itself, so that the cache would only hold a second copy of everything in
// memory. What is set here is what kubase needs or what kubeadm sets; all else is upstream's
// default.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "launcher/component_args.h"
#include "launcher/control_plane_image.h"
#include "launcher/data_dir.h"
#include "launcher/pki.h"
#include "launcher/process.h"

namespace kubase::launcher {

inline constexpr const char* kApiServer = "kube-apiserver";
inline constexpr const char* kControllerManager = "kube-controller-manager";
inline constexpr const char* kScheduler = "kube-scheduler";

// The addresses of services, as kubeadm has them; nothing outside of the cluster sees them.
inline constexpr const char* kServiceCidr = "10.96.0.0/12";

struct ComponentsConfig {
  ControlPlaneBinaries binaries;
  DataPaths paths;
  Pki pki;
  std::string bind_address;  // numeric, of the API server
  int secure_port = 0;
  int controller_manager_port = 0;  // on 127.0.0.1, reserved (ports.h)
  int scheduler_port = 0;
  // Others may run the same components over the same database: one of each works at a time.
  bool shares_database = false;
  // kube-controller-manager sees all objects, since it collects all garbage.
  bool whole_metadata_informers = false;
  std::map<std::string, std::string> variables;  // our own environment
  std::vector<ComponentFlag> apiserver_flags;    // the user's
  std::vector<ComponentFlag> controller_manager_flags;
  std::vector<ComponentFlag> scheduler_flags;
};

ProcessSpec ApiServerProcess(const ComponentsConfig& config);
ProcessSpec ControllerManagerProcess(const ComponentsConfig& config);
ProcessSpec SchedulerProcess(const ComponentsConfig& config);

// Why the storage must leave all garbage to kube-controller-manager when components run with these
// flags of the user's: it could not read objects, or not tell that collector from other clients. A
// clause for a human; null: it need not.
std::optional<std::string> WhyStorageCannotCollect(
    const std::vector<ComponentFlag>& apiserver_flags,
    const std::vector<ComponentFlag>& controller_manager_flags);

// The address by which this machine reaches a server that is bound to `bind_address`: itself, or
// loopback for 0.0.0.0 and "::".
std::string LocalAddress(const std::string& bind_address);

// "https://127.0.0.1:6443"; an IPv6 address is put in brackets.
std::string ServerUrl(const std::string& bind_address, int port);

// What the components get of our environment: everything but what speaks about kubase itself.
std::vector<std::string> ComponentEnvironment(const std::map<std::string, std::string>& variables);

}  // namespace kubase::launcher
