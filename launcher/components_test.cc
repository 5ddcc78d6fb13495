// The command lines as literal expectations: a change of a preset is a change here.
#include "launcher/components.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace kubase::launcher {
namespace {

CertificateFile Certificate(const std::string& name) {
  return {.name = name, .certificate = "/pki/" + name + ".crt", .key = "/pki/" + name + ".key"};
}

ComponentsConfig Config() {
  ComponentsConfig config;
  config.binaries.apiserver = "/bin/kube-apiserver";
  config.binaries.controller_manager = "/bin/kube-controller-manager";
  config.binaries.scheduler = "/bin/kube-scheduler";
  config.paths.etcd_socket = "/data/run/etcd.sock";
  config.paths.controller_manager_kubeconfig = "/data/kcm.conf";
  config.paths.scheduler_kubeconfig = "/data/sched.conf";
  config.pki.ca = Certificate("ca");
  config.pki.front_proxy_ca = Certificate("front-proxy-ca");
  config.pki.apiserver = Certificate("apiserver");
  config.pki.apiserver_kubelet_client = Certificate("kubelet-client");
  config.pki.front_proxy_client = Certificate("front-proxy-client");
  config.pki.service_account_private_key = "/pki/sa.key";
  config.pki.service_account_public_key = "/pki/sa.pub";
  config.bind_address = "127.0.0.1";
  config.secure_port = 6443;
  config.controller_manager_port = 1001;
  config.scheduler_port = 1002;
  config.variables = {{"PATH", "/bin"}, {"KUBECONFIG", "/x"}, {"KUBASE_DATA_DIR", "/data"}};
  return config;
}

bool Has(const ProcessSpec& process, const std::string& argument) {
  return std::find(process.arguments.begin(), process.arguments.end(), argument) !=
         process.arguments.end();
}

TEST_CASE("ApiServerProcess: the whole command line") {
  const ProcessSpec process = ApiServerProcess(Config());
  CHECK(process.executable == "/bin/kube-apiserver");
  CHECK(process.environment == std::vector<std::string>{"PATH=/bin"});
  CHECK(process.arguments ==
        std::vector<std::string>{
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--allow-privileged=true",
            "--authorization-mode=Node,RBAC",
            "--bind-address=127.0.0.1",
            "--client-ca-file=/pki/ca.crt",
            "--enable-admission-plugins=NodeRestriction",
            "--enable-bootstrap-token-auth=true",
            "--etcd-servers=unix:///data/run/etcd.sock",
            "--kubelet-client-certificate=/pki/kubelet-client.crt",
            "--kubelet-client-key=/pki/kubelet-client.key",
            "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
            "--max-mutating-requests-inflight=200",
            "--max-requests-inflight=400",
            "--profiling=false",
            "--proxy-client-cert-file=/pki/front-proxy-client.crt",
            "--proxy-client-key-file=/pki/front-proxy-client.key",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-client-ca-file=/pki/front-proxy-ca.crt",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            "--runtime-config=admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicies=true,"
            "admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicybindings=true",
            "--secure-port=6443",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            "--service-account-key-file=/pki/sa.pub",
            "--service-account-signing-key-file=/pki/sa.key",
            "--service-cluster-ip-range=10.96.0.0/12",
            "--storage-backend=etcd3",
            "--tls-cert-file=/pki/apiserver.crt",
            "--tls-private-key-file=/pki/apiserver.key",
            "--watch-cache=false",
        });
}

TEST_CASE("ApiServerProcess: only an address that others can reach is advertised as endpoint") {
  ComponentsConfig config = Config();
  config.bind_address = "192.0.2.7";
  CHECK(Has(ApiServerProcess(config), "--advertise-address=192.0.2.7"));
  CHECK_FALSE(Has(ApiServerProcess(config), "--endpoint-reconciler-type=none"));
  config.bind_address = "0.0.0.0";
  CHECK(ApiServerProcess(config).arguments.front() == "--allow-privileged=true");
}

TEST_CASE("ControllerManagerProcess: the whole command line") {
  const ProcessSpec process = ControllerManagerProcess(Config());
  CHECK(process.executable == "/bin/kube-controller-manager");
  CHECK(process.arguments == std::vector<std::string>{
                                 "--authentication-kubeconfig=/data/kcm.conf",
                                 "--authorization-kubeconfig=/data/kcm.conf",
                                 "--bind-address=127.0.0.1",
                                 "--client-ca-file=/pki/ca.crt",
                                 "--kubeconfig=/data/kcm.conf",
                                 "--leader-elect=false",
                                 "--permit-port-sharing=true",
                                 "--profiling=false",
                                 "--requestheader-client-ca-file=/pki/front-proxy-ca.crt",
                                 "--secure-port=1001",
                                 "--tls-cert-file=/pki/apiserver.crt",
                                 "--tls-private-key-file=/pki/apiserver.key",
                                 "--cluster-signing-cert-file=/pki/ca.crt",
                                 "--cluster-signing-key-file=/pki/ca.key",
                                 "--controllers=*,bootstrapsigner,tokencleaner",
                                 "--kube-api-burst=200",
                                 "--kube-api-qps=100",
                                 "--root-ca-file=/pki/ca.crt",
                                 "--service-account-private-key-file=/pki/sa.key",
                                 "--service-cluster-ip-range=10.96.0.0/12",
                                 "--use-service-account-credentials=true",
                             });
}

TEST_CASE("Components: those that share a database elect a leader") {
  ComponentsConfig config = Config();
  config.shares_database = true;
  CHECK(Has(ControllerManagerProcess(config), "--leader-elect=true"));
  CHECK(Has(SchedulerProcess(config), "--leader-elect=true"));
}

TEST_CASE("ControllerManagerProcess: its informers see all where it collects all garbage") {
  ComponentsConfig config = Config();
  const std::string whole = "KUBASE_METADATA_INFORMERS=whole";
  const auto variables = ControllerManagerProcess(config).environment;
  CHECK(std::find(variables.begin(), variables.end(), whole) == variables.end());
  config.whole_metadata_informers = true;
  CHECK(ControllerManagerProcess(config).environment.back() == whole);
}

TEST_CASE("WhyStorageCannotCollect: encryption, CBOR, and a collector that is nobody") {
  const auto why = [](std::vector<ComponentFlag> apiserver, std::vector<ComponentFlag> manager) {
    return WhyStorageCannotCollect(apiserver, manager).value_or("");
  };
  CHECK(why({}, {}).empty());
  CHECK(why({{"encryption-provider-config", "/e"}}, {}).find("encrypts") != std::string::npos);
  CHECK(why({{"encryption-provider-config", ""}}, {}).empty());
  for (const char* const gates : {"A=true,CBORServingAndStorage=true", "AllAlpha=true"}) {
    CHECK(why({{"feature-gates", gates}}, {}).find("CBOR") != std::string::npos);
  }
  CHECK(why({{"feature-gates", "CBORServingAndStorage=false"}}, {}).empty());
  for (const char* const no : {"false", "0", "F"}) {
    CHECK_FALSE(why({}, {{"use-service-account-credentials", no}}).empty());
  }
  CHECK(why({}, {{"use-service-account-credentials", "true"}}).empty());
}

TEST_CASE("SchedulerProcess: the flags of a loopback server on its own port") {
  const ProcessSpec process = SchedulerProcess(Config());
  CHECK(process.executable == "/bin/kube-scheduler");
  CHECK(Has(process, "--secure-port=1002"));
  CHECK(Has(process, "--kubeconfig=/data/sched.conf"));
  CHECK(process.arguments.size() == 12);
}

TEST_CASE("Components: the user's flags replace and extend") {
  ComponentsConfig config = Config();
  config.apiserver_flags = {{"watch-cache", "true"},
                            {"v", "4"},
                            {"feature-gates", "A=true"},
                            {"feature-gates", "B=false"},
                            {"enable-admission-plugins", "AlwaysPullImages"}};
  const ProcessSpec process = ApiServerProcess(config);
  CHECK(Has(process, "--watch-cache=true"));
  CHECK_FALSE(Has(process, "--watch-cache=false"));
  CHECK(Has(process, "--v=4"));
  CHECK(Has(process, "--feature-gates=A=true,B=false"));
  CHECK(Has(process, "--enable-admission-plugins=NodeRestriction,AlwaysPullImages"));
}

TEST_CASE("ServerUrl: an address that this machine can reach") {
  CHECK(ServerUrl("127.0.0.1", 6443) == "https://127.0.0.1:6443");
  CHECK(ServerUrl("0.0.0.0", 6443) == "https://127.0.0.1:6443");
  CHECK(ServerUrl("::", 1) == "https://[::1]:1");
  CHECK(ServerUrl("192.0.2.7", 1) == "https://192.0.2.7:1");
}

TEST_CASE("ParseComponentFlag: with and without dashes and value") {
  const auto parse = [](const std::string& text) {
    return ParseComponentFlag(text, "--kube-apiserver-arg").value();
  };
  CHECK(parse("v=2") == ComponentFlag{"v", "2"});
  CHECK(parse("--v=2") == ComponentFlag{"v", "2"});
  CHECK(parse("profiling") == ComponentFlag{"profiling", "true"});
  CHECK(parse("feature-gates=A=true") == ComponentFlag{"feature-gates", "A=true"});
  CHECK(parse("audit-log-path=-") == ComponentFlag{"audit-log-path", "-"});
  for (const std::string bad : {"", "--", "=x", "---v=1", "a b=c"}) {
    const auto parsed = ParseComponentFlag(bad, "--kube-apiserver-arg");
    INFO(bad);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().message ==
          "--kube-apiserver-arg: \"" + bad +
              "\" is not a flag of the component; write it as KEY=VALUE, for example v=2");
  }
}

TEST_CASE("MergeComponentFlags: flags that may be repeated are kept") {
  const auto merged =
      MergeComponentFlags({{"service-account-issuer", "a"}, {"v", "1"}},
                          {{"service-account-issuer", "b"}, {"v", "2"}, {"v", "3"}});
  CHECK(merged == std::vector<ComponentFlag>{{"service-account-issuer", "a"},
                                             {"v", "3"},
                                             {"service-account-issuer", "b"}});
}

}  // namespace
}  // namespace kubase::launcher
