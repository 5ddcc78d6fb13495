// One function per component; the flags are in the order of the alphabet.
#include "launcher/components.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace kubase::launcher {
namespace {

bool IsLoopback(const std::string& address) {
  return address.compare(0, 4, "127.") == 0 || address == "::1";
}

bool IsUnspecified(const std::string& address) {
  return address.empty() || address == "0.0.0.0" || address == "::";
}

constexpr std::string_view kPoliciesOfV1Beta1 =
    "admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicies=true,"
    "admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicybindings=true";

// Feature gates with which custom resources are stored as CBOR, of which kubase reads nothing.
constexpr std::array<std::string_view, 2> kCborGates = {"CBORServingAndStorage=true",
                                                        "AllAlpha=true"};

bool StoresCbor(const std::string& gates) {
  return std::any_of(kCborGates.begin(), kCborGates.end(),
                     [&gates](std::string_view gate) { return gates.find(gate) != gates.npos; });
}

// As strconv.ParseBool of Go.
bool IsTrue(std::string_view value) {
  static constexpr std::array<std::string_view, 6> kTrue = {"1", "t", "T", "true", "TRUE", "True"};
  return std::find(kTrue.begin(), kTrue.end(), value) != kTrue.end();
}

ProcessSpec MakeProcess(const std::filesystem::path& executable, std::vector<ComponentFlag> presets,
                        const std::vector<ComponentFlag>& from_user,
                        const std::map<std::string, std::string>& variables) {
  return {.executable = executable.string(),
          .arguments = RenderComponentFlags(MergeComponentFlags(std::move(presets), from_user)),
          .environment = ComponentEnvironment(variables)};
}

// Where the API server says that it can be reached. Endpoints may not hold a loopback address, so
// an API server that only this machine can reach publishes none.
std::vector<ComponentFlag> AdvertiseFlags(const std::string& bind_address) {
  if (IsUnspecified(bind_address)) return {};
  std::vector<ComponentFlag> flags = {{"advertise-address", bind_address}};
  if (IsLoopback(bind_address)) flags.push_back({"endpoint-reconciler-type", "none"});
  return flags;
}

// The loopback servers of the other components: the API server's certificate names 127.0.0.1, so
// that kubase can verify whom it asks.
std::vector<ComponentFlag> LoopbackServerFlags(const ComponentsConfig& config, int port,
                                               const std::filesystem::path& kubeconfig) {
  return {{"authentication-kubeconfig", kubeconfig},
          {"authorization-kubeconfig", kubeconfig},
          {"bind-address", "127.0.0.1"},
          {"client-ca-file", config.pki.ca.certificate},
          {"kubeconfig", kubeconfig},
          {"leader-elect", config.shares_database ? "true" : "false"},
          {"permit-port-sharing", "true"},
          {"profiling", "false"},
          {"requestheader-client-ca-file", config.pki.front_proxy_ca.certificate},
          {"secure-port", std::to_string(port)},
          {"tls-cert-file", config.pki.apiserver.certificate},
          {"tls-private-key-file", config.pki.apiserver.key}};
}

}  // namespace

ProcessSpec ApiServerProcess(const ComponentsConfig& config) {
  const Pki& pki = config.pki;
  std::vector<ComponentFlag> presets = {
      {"allow-privileged", "true"},
      {"authorization-mode", "Node,RBAC"},
      {"bind-address", config.bind_address},
      {"client-ca-file", pki.ca.certificate},
      {"enable-admission-plugins", "NodeRestriction"},
      {"enable-bootstrap-token-auth", "true"},
      {"etcd-servers", "unix://" + config.paths.etcd_socket.string()},
      {"kubelet-client-certificate", pki.apiserver_kubelet_client.certificate},
      {"kubelet-client-key", pki.apiserver_kubelet_client.key},
      {"kubelet-preferred-address-types", "InternalIP,ExternalIP,Hostname"},
      // Beyond these requests wait their turn by priority instead of all being slow together.
      {"max-mutating-requests-inflight", "200"},
      {"max-requests-inflight", "400"},
      {"profiling", "false"},
      {"proxy-client-cert-file", pki.front_proxy_client.certificate},
      {"proxy-client-key-file", pki.front_proxy_client.key},
      {"requestheader-allowed-names", "front-proxy-client"},
      {"requestheader-client-ca-file", pki.front_proxy_ca.certificate},
      {"requestheader-extra-headers-prefix", "X-Remote-Extra-"},
      {"requestheader-group-headers", "X-Remote-Group"},
      {"requestheader-username-headers", "X-Remote-User"},
      // Policies that label custom resources were written for this version until 1.36 had v1.
      {"runtime-config", std::string(kPoliciesOfV1Beta1)},
      {"secure-port", std::to_string(config.secure_port)},
      {"service-account-issuer", "https://kubernetes.default.svc.cluster.local"},
      {"service-account-key-file", pki.service_account_public_key},
      {"service-account-signing-key-file", pki.service_account_private_key},
      {"service-cluster-ip-range", kServiceCidr},
      {"storage-backend", "etcd3"},
      {"tls-cert-file", pki.apiserver.certificate},
      {"tls-private-key-file", pki.apiserver.key},
      {"watch-cache", "false"}};
  const auto advertise = AdvertiseFlags(config.bind_address);
  presets.insert(presets.begin(), advertise.begin(), advertise.end());
  return MakeProcess(config.binaries.apiserver, std::move(presets), config.apiserver_flags,
                     config.variables);
}

ProcessSpec ControllerManagerProcess(const ComponentsConfig& config) {
  const Pki& pki = config.pki;
  auto presets = LoopbackServerFlags(config, config.controller_manager_port,
                                     config.paths.controller_manager_kubeconfig);
  const std::vector<ComponentFlag> own = {
      {"cluster-signing-cert-file", pki.ca.certificate},
      {"cluster-signing-key-file", pki.ca.key},
      {"controllers", "*,bootstrapsigner,tokencleaner"},
      // The API server is on this machine and orders requests by priority itself.
      {"kube-api-burst", "200"},
      {"kube-api-qps", "100"},
      {"root-ca-file", pki.ca.certificate},
      {"service-account-private-key-file", pki.service_account_private_key},
      {"service-cluster-ip-range", kServiceCidr},
      {"use-service-account-credentials", "true"}};
  presets.insert(presets.end(), own.begin(), own.end());
  ProcessSpec process = MakeProcess(config.binaries.controller_manager, std::move(presets),
                                    config.controller_manager_flags, config.variables);
  // controllermanager/command.go
  if (config.whole_metadata_informers) {
    process.environment.push_back("KUBASE_METADATA_INFORMERS=whole");
  }
  return process;
}

std::optional<std::string> WhyStorageCannotCollect(
    const std::vector<ComponentFlag>& apiserver_flags,
    const std::vector<ComponentFlag>& controller_manager_flags) {
  for (const ComponentFlag& flag : apiserver_flags) {
    if (flag.name == "encryption-provider-config" && !flag.value.empty()) {
      return "kube-apiserver encrypts objects (--encryption-provider-config)";
    }
    if (flag.name == "feature-gates" && StoresCbor(flag.value)) {
      return "kube-apiserver stores custom resources as CBOR (--feature-gates)";
    }
  }
  for (const ComponentFlag& flag : controller_manager_flags) {
    if (flag.name == "use-service-account-credentials" && !IsTrue(flag.value)) {
      return "the collector of kube-controller-manager is no user of its own "
             "(--use-service-account-credentials)";
    }
  }
  return std::nullopt;
}

ProcessSpec SchedulerProcess(const ComponentsConfig& config) {
  return MakeProcess(
      config.binaries.scheduler,
      LoopbackServerFlags(config, config.scheduler_port, config.paths.scheduler_kubeconfig),
      config.scheduler_flags, config.variables);
}

std::string LocalAddress(const std::string& bind_address) {
  if (bind_address == "::") return "::1";
  return IsUnspecified(bind_address) ? "127.0.0.1" : bind_address;
}

std::string ServerUrl(const std::string& bind_address, int port) {
  std::string host = LocalAddress(bind_address);
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return "https://" + host + ":" + std::to_string(port);
}

std::vector<std::string> ComponentEnvironment(const std::map<std::string, std::string>& variables) {
  static constexpr std::array<std::string_view, 6> kOurs = {
      "KUBASE_", "KUBECONFIG", "LISTEN_", "NOTIFY_SOCKET", "SUDO_", "WATCHDOG_"};
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) {
    const bool is_ours = std::any_of(kOurs.begin(), kOurs.end(), [&name](std::string_view prefix) {
      return name.compare(0, prefix.size(), prefix) == 0;
    });
    if (!is_ours && !name.empty()) environment.push_back(name + "=" + value);
  }
  return environment;
}

}  // namespace kubase::launcher
