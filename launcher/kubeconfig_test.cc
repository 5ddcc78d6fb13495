#include "launcher/kubeconfig.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "launcher/files.h"
#include "launcher/test_directory.h"
#include "launcher/yaml_document.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

// As minikube and others leave it: foreign entries, quoted numbers, extensions, no order.
constexpr const char* kForeign = R"(apiVersion: v1
kind: Config
preferences: {}
current-context: work
clusters:
- name: work
  cluster: {server: "https://work.example.com", insecure-skip-tls-verify: true}
users:
- name: work
  user:
    username: "007"
    password: '12345'
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args: ["--on", "yes", "1.0"]
      env: null
contexts:
- context:
    cluster: work
    user: work
    extensions:
    - extension: {provider: minikube.sigs.k8s.io}
      name: context_info
  name: work
)";

struct KubeconfigFixture {
  TestDirectory directory;
  MergeRequest request;

  KubeconfigFixture() {
    request.file = directory / "config";
    request.data_dir = "/data/one";
    request.name = "kubase";
    request.access = {"https://127.0.0.1:6443", "CA", "CERTIFICATE", "KEY"};
  }
  void Write(const std::string& text) { std::ofstream(request.file) << text; }
  std::string Text() { return *ReadWholeFile(request.file); }
  YAML::Node Yaml() { return YAML::Load(Text()); }
  MergeOutcome Merge() {
    const Result<MergeOutcome> outcome = MergeContext(request);
    if (!outcome.ok()) FAIL(outcome.error().message);
    return *outcome;
  }
};

std::vector<std::string> Names(const YAML::Node& list) {
  std::vector<std::string> names;
  for (const YAML::Node& entry : list) names.push_back(entry["name"].Scalar());
  return names;
}

YAML::Node Entry(const YAML::Node& list, const std::string& name) {
  for (const YAML::Node& entry : list) {
    if (entry["name"].Scalar() == name) return entry;
  }
  FAIL("no entry " << name);
  return YAML::Node();
}

TEST_CASE("RenderKubeconfig: everything embedded, one current context") {
  const YAML::Node file =
      YAML::Load(RenderKubeconfig({"https://127.0.0.1:6443", "CA", "CERT", "KEY"}, "kubase"));
  CHECK(file["current-context"].Scalar() == "kubase");
  CHECK(file["clusters"][0]["cluster"]["server"].Scalar() == "https://127.0.0.1:6443");
  CHECK(file["clusters"][0]["cluster"]["certificate-authority-data"].Scalar() == "Q0E=");
  CHECK(file["users"][0]["user"]["client-key-data"].Scalar() == "S0VZ");
  CHECK(file["contexts"][0]["context"]["user"].Scalar() == "kubase");
}

TEST_CASE("WriteComponentKubeconfig: refers to files, so that renewal needs no restart") {
  const TestDirectory directory;
  CertificateFile ca{.name = "ca", .certificate = "/pki/ca.crt"};
  CertificateFile who{.name = "scheduler", .certificate = "/pki/s.crt", .key = "/pki/s.key"};
  const fs::path file = directory / "scheduler.kubeconfig";
  REQUIRE(WriteComponentKubeconfig(file, "https://127.0.0.1:6443", ca, who).ok());
  CHECK(ModeOf(file) == 0600);
  const YAML::Node written = YAML::LoadFile(file.string());
  CHECK(written["clusters"][0]["cluster"]["certificate-authority"].Scalar() == "/pki/ca.crt");
  CHECK(written["users"][0]["user"]["client-certificate"].Scalar() == "/pki/s.crt");
  CHECK(written["users"][0]["user"]["client-key"].Scalar() == "/pki/s.key");
}

TEST_CASE("DefaultKubeconfigPath: the first of KUBECONFIG, else the home directory") {
  HostUser user;
  CHECK_FALSE(DefaultKubeconfigPath(user).ok());
  user.home = "/home/ann";
  CHECK(*DefaultKubeconfigPath(user) == "/home/ann/.kube/config");
  user.variables["KUBECONFIG"] = ":/one:/two";
  CHECK(*DefaultKubeconfigPath(user) == "/one");
  user.variables["KUBECONFIG"] = "/three";
  CHECK(*DefaultKubeconfigPath(user) == "/three");
}

TEST_CASE("ContextName: plain for the default directory, else after the directory") {
  HostUser user;
  CHECK(ContextName("/var/lib/kubase", user) == "kubase");
  CHECK(ContextName("/srv/edge", user) == "kubase-edge");
}

TEST_CASE("MergeContext: a file that is not there is made private, and ours is current") {
  KubeconfigFixture f;
  f.request.file = f.directory / "home/.kube/config";
  const MergeOutcome outcome = f.Merge();
  CHECK(outcome.context == "kubase");
  CHECK(outcome.is_current);
  CHECK(ModeOf(f.request.file) == 0600);
  CHECK(ModeOf(f.request.file.parent_path()) == 0700);
  CHECK_FALSE(fs::exists(f.request.file.string() + ".lock"));
  CHECK(f.Yaml()["kind"].Scalar() == "Config");
}

TEST_CASE("MergeContext: what is not ours stays as it was, strings stay strings") {
  KubeconfigFixture f;
  f.Write(kForeign);
  fs::permissions(f.request.file, fs::perms(0640));
  const MergeOutcome outcome = f.Merge();
  CHECK_FALSE(outcome.is_current);
  CHECK(outcome.other_current == "work");
  const YAML::Node after = f.Yaml();
  CHECK(after["current-context"].Scalar() == "work");
  CHECK(Names(after["contexts"]) == std::vector<std::string>{"work", "kubase"});
  const YAML::Node user = Entry(after["users"], "work")["user"];
  CHECK(user["username"].Scalar() == "007");
  CHECK(user["username"].Tag() == "!");  // quoted
  CHECK(user["password"].Tag() == "!");
  CHECK(user["exec"]["args"][1].Tag() == "!");
  CHECK(user["exec"]["env"].IsNull());
  CHECK(Entry(after["clusters"], "work")["cluster"]["insecure-skip-tls-verify"].Tag() == "?");
  CHECK(Entry(after["contexts"], "work")["context"]["extensions"][0]["name"].Scalar() ==
        "context_info");
  CHECK(ModeOf(f.request.file) == 0640);
}

TEST_CASE("MergeContext: twice gives the same bytes; a new certificate replaces the old one") {
  KubeconfigFixture f;
  f.Write(kForeign);
  f.Merge();
  const std::string once = f.Text();
  f.Merge();
  CHECK(f.Text() == once);
  f.request.access.certificate = "RENEWED";
  f.Merge();
  CHECK(Names(f.Yaml()["users"]) == std::vector<std::string>{"work", "kubase"});
  CHECK(f.Text() != once);
}

TEST_CASE("MergeContext: the current context changes only when asked") {
  KubeconfigFixture f;
  f.Write(kForeign);
  f.request.switch_context = true;
  CHECK(f.Merge().is_current);
  CHECK(f.Yaml()["current-context"].Scalar() == "kubase");
}

TEST_CASE("MergeContext: a namespace or a new name given by the user survives") {
  KubeconfigFixture f;
  f.Merge();
  YAML::Node edited = f.Yaml();
  edited["contexts"][0]["name"] = "lab";
  edited["contexts"][0]["context"]["namespace"] = "dev";
  edited["current-context"] = "lab";
  f.Write(*EmitYaml(edited));
  const MergeOutcome outcome = f.Merge();
  CHECK(outcome.context == "lab");
  CHECK(outcome.is_current);
  const YAML::Node after = f.Yaml();
  CHECK(Names(after["contexts"]) == std::vector<std::string>{"lab"});
  CHECK(after["contexts"][0]["context"]["namespace"].Scalar() == "dev");
}

TEST_CASE("MergeContext: two data directories of one name live side by side") {
  KubeconfigFixture f;
  f.Merge();
  f.request.data_dir = "/data/two";
  const MergeOutcome second = f.Merge();
  CHECK(second.context == "kubase-" + ShortHash("/data/two").substr(0, 8));
  CHECK(f.Merge().context == second.context);
  CHECK(Names(f.Yaml()["contexts"]) == std::vector<std::string>{"kubase", second.context});
  REQUIRE(*RemoveContext(f.request.file, "/data/one"));
  CHECK(Names(f.Yaml()["contexts"]) == std::vector<std::string>{second.context});
}

TEST_CASE("MergeContext: an entry of our name that is not ours is left alone") {
  KubeconfigFixture f;
  const std::string before =
      "clusters: [{name: kubase, cluster: {server: 'https://production.example.com'}}]\n";
  f.Write(before);
  const Result<MergeOutcome> outcome = MergeContext(f.request);
  REQUIRE_FALSE(outcome.ok());
  CHECK(outcome.error().code == ErrorCode::kAlreadyExists);
  CHECK(outcome.error().message.find("not kubase's") != std::string::npos);
  CHECK(CheckMergeContext(f.request).error().message == outcome.error().message);
  CHECK(f.Text() == before);
}

TEST_CASE("MergeContext: what is not a kubeconfig is refused without damage") {
  const auto text = GENERATE(as<std::string>{}, "just text", "- a\n- list\n", "a: [unclosed",
                             "kind: Pod\napiVersion: v1\n", "clusters: 7\n", "users: [7]\n",
                             "some: other\nyaml: file\n", "kind: Config\n---\nkind: Config\n",

                             "contexts: [{context: {}}]\n", "\x01\x02");
  KubeconfigFixture f;
  f.Write(text);
  const Result<void> checked = CheckMergeContext(f.request);
  REQUIRE_FALSE(checked.ok());
  const Result<MergeOutcome> merged = MergeContext(f.request);
  INFO(text);
  REQUIRE_FALSE(merged.ok());
  CHECK(checked.error().message == merged.error().message);
  CHECK(merged.error().code == ErrorCode::kInvalidArgument);
  CHECK(merged.error().message.find("is not a kubeconfig") != std::string::npos);
  CHECK(f.Text() == text);
  CHECK(RemoveContext(f.request.file, f.request.data_dir).error().code ==
        ErrorCode::kInvalidArgument);
  CHECK(f.Text() == text);
  CHECK_FALSE(fs::exists(f.request.file.string() + ".lock"));
}

TEST_CASE("MergeContext: a file that refers to itself is refused without damage") {
  KubeconfigFixture f;
  const std::string text = "clusters: &a [{name: x, cluster: *a}]\n";
  f.Write(text);
  CHECK(MergeContext(f.request).error().code == ErrorCode::kInvalidArgument);
  CHECK_FALSE(*RemoveContext(f.request.file, f.request.data_dir));
  CHECK(f.Text() == text);
}

TEST_CASE("MergeContext: a section that is of the wrong kind inside an entry of ours is refused") {
  KubeconfigFixture f;
  f.Merge();
  YAML::Node edited = f.Yaml();
  edited["contexts"] = "nothing";
  f.Write(*EmitYaml(edited));
  CHECK(MergeContext(f.request).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("MergeContext: an empty file and null sections are a kubeconfig") {
  const auto text = GENERATE(as<std::string>{}, "", "# only a comment\n",
                             "apiVersion: v1\nkind: Config\nclusters: null\nusers:\n"
                             "contexts: []\ncurrent-context: \"\"\n");
  KubeconfigFixture f;
  f.Write(text);
  CHECK(f.Merge().is_current);
  CHECK(Names(f.Yaml()["users"]) == std::vector<std::string>{"kubase"});
}

TEST_CASE("MergeContext: a link stays a link, and its target is changed") {
  KubeconfigFixture f;
  std::ofstream(f.directory / "dotfiles-config") << kForeign;
  fs::create_symlink(f.directory / "dotfiles-config", f.request.file);
  f.Merge();
  CHECK(fs::is_symlink(f.request.file));
  CHECK(Names(YAML::LoadFile((f.directory / "dotfiles-config").string())["users"]).size() == 2);
}

TEST_CASE("MergeContext: respects kubectl's lock and says which file to remove") {
  KubeconfigFixture f;
  f.Write(kForeign);
  const fs::path lock = f.request.file.string() + ".lock";
  std::ofstream(lock) << "";
  f.request.lock_wait_max = std::chrono::milliseconds(100);
  const Result<MergeOutcome> merged = MergeContext(f.request);
  REQUIRE_FALSE(merged.ok());
  CHECK(merged.error().code == ErrorCode::kUnavailable);
  CHECK(merged.error().message.find(lock.string()) != std::string::npos);
  CHECK(f.Text() == kForeign);
  CHECK(fs::exists(lock));
}

TEST_CASE("MergeContext: a file that may not be written is told") {
  KubeconfigFixture f;
  f.Write(kForeign);
  fs::permissions(f.directory.path(), fs::perms(0777));
  fs::permissions(f.request.file, fs::perms(0444));
  CHECK(AsOrdinaryUser([&] {
          const Result<MergeOutcome> merged = MergeContext(f.request);
          const Result<void> checked = CheckMergeContext(f.request);
          return !merged.ok() && merged.error().code == ErrorCode::kPermissionDenied &&
                         !checked.ok() && checked.error().code == ErrorCode::kPermissionDenied
                     ? 0
                     : 1;
        }) == 0);
  CHECK(f.Text() == kForeign);
}

TEST_CASE("CheckMergeContext: what can be done is fine, and nothing is made") {
  KubeconfigFixture f;
  CHECK(CheckMergeContext(f.request).ok());
  f.request.file = f.directory / "missing" / "directory" / "config";
  CHECK(CheckMergeContext(f.request).ok());
  CHECK(fs::is_empty(f.directory.path()));
  f.request.file = f.directory / "config";
  f.Write(kForeign);
  CHECK(CheckMergeContext(f.request).ok());
  CHECK(f.Text() == kForeign);
}

TEST_CASE("CheckMergeContext: a directory that may not be written is told") {
  KubeconfigFixture f;
  fs::permissions(f.directory.path(), fs::perms(0755));
  f.request.file = f.directory / "missing" / "config";
  CHECK(AsOrdinaryUser([&] {
          const Result<void> checked = CheckMergeContext(f.request);
          return !checked.ok() && checked.error().code == ErrorCode::kPermissionDenied ? 0 : 1;
        }) == (geteuid() == 0 ? 0 : 1));
}

TEST_CASE("MergeContext: a new file belongs to the sudo caller") {
  if (geteuid() != 0) {
    WARN("skipped: only root can give files away");
    return;
  }
  KubeconfigFixture f;
  f.request.file = f.directory / "home/.kube/config";
  f.request.owner = FileOwner{65534, 65534};
  f.Merge();
  struct stat status {};
  REQUIRE(stat(f.request.file.c_str(), &status) == 0);
  CHECK(status.st_uid == 65534);
  REQUIRE(stat(f.request.file.parent_path().c_str(), &status) == 0);
  CHECK(status.st_uid == 65534);
}

TEST_CASE("RemoveContext: only our entries go, and the current context if it was ours") {
  KubeconfigFixture f;
  f.Write(kForeign);
  YAML::Node before = YAML::Load(kForeign);
  before.remove("current-context");
  f.request.switch_context = true;
  f.Merge();
  CHECK(*RemoveContext(f.request.file, f.request.data_dir));
  CHECK(f.Yaml()["current-context"].Scalar().empty());
  YAML::Node restored = f.Yaml();
  restored.remove("current-context");
  CHECK(*EmitYaml(restored) == *EmitYaml(before));
  CHECK_FALSE(*RemoveContext(f.request.file, f.request.data_dir));
  CHECK_FALSE(*RemoveContext(f.directory / "none", f.request.data_dir));
}

TEST_CASE("RemoveContext: a file with nothing left goes") {
  KubeconfigFixture f;
  f.Merge();
  CHECK(*RemoveContext(f.request.file, f.request.data_dir));
  CHECK_FALSE(fs::exists(f.request.file));
}

TEST_CASE("EmitYaml: awkward scalars read back as they were") {
  const std::string text = R"(a: "yes"
b: "null"
c: 'it''s'
d: |
  two
  lines
e: !!str 5
f: ""
"quoted key": {x: [1, "1", ~, true]}
g: "tab\tnew\nline \u00e9"
h: plain text with words
)";
  const YAML::Node node = *ParseYaml(text);
  const std::string emitted = *EmitYaml(node);
  CHECK(*EmitYaml(*ParseYaml(emitted)) == emitted);
  const YAML::Node again = YAML::Load(emitted);
  CHECK(again["b"].Tag() == "!");
  CHECK(again["d"].Scalar() == "two\nlines\n");
  CHECK(again["g"].Scalar() == "tab\tnew\nline \u00e9");
  CHECK(again["quoted key"]["x"][1].Tag() == "!");
  CHECK(again["quoted key"]["x"][2].IsNull());
}

}  // namespace
}  // namespace kubase::launcher
