// Renders kubeconfigs that are wholly ours; kubeconfig_merge.cc changes files that are not.
#include "launcher/kubeconfig.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "launcher/data_dir.h"
#include "launcher/files.h"
#include "launcher/kubeconfig_entries.h"
#include "launcher/yaml_document.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

std::string Base64(const std::string& bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3), '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                  reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  return text;
}

YAML::Node Named(const std::string& name, const char* key, const YAML::Node& value) {
  YAML::Node entry(YAML::NodeType::Map);
  entry["name"] = QuotedScalar(name);
  entry[key] = value;
  return entry;
}

std::string RenderDocument(const std::string& name, const YAML::Node& cluster,
                           const YAML::Node& user) {
  YAML::Node document(YAML::NodeType::Map);
  document["apiVersion"] = "v1";
  document["kind"] = "Config";
  document["clusters"].push_back(Named(name, "cluster", cluster));
  document["users"].push_back(Named(name, "user", user));
  YAML::Node context(YAML::NodeType::Map);
  context["cluster"] = QuotedScalar(name);
  context["user"] = QuotedScalar(name);
  document["contexts"].push_back(Named(name, "context", context));
  document["current-context"] = QuotedScalar(name);
  Result<std::string> text = EmitYaml(document);
  KUBASE_CHECK(text.ok());  // a small tree of our own
  return std::move(text).value();
}

}  // namespace

YAML::Node QuotedScalar(const std::string& text) {
  YAML::Node node(text);
  node.SetTag("!");
  return node;
}

YAML::Node ClusterNode(const ClientAccess& access) {
  YAML::Node cluster(YAML::NodeType::Map);
  cluster["server"] = QuotedScalar(access.server);
  cluster["certificate-authority-data"] = Base64(access.ca);
  return cluster;
}

YAML::Node UserNode(const ClientAccess& access) {
  YAML::Node user(YAML::NodeType::Map);
  user["client-certificate-data"] = Base64(access.certificate);
  user["client-key-data"] = Base64(access.key);
  return user;
}

Result<ClientAccess> ReadClientAccess(const std::string& server, const CertificateFile& ca,
                                      const CertificateFile& identity) {
  ClientAccess access;
  access.server = server;
  KUBASE_ASSIGN_OR_RETURN(access.ca, ReadWholeFile(ca.certificate));
  KUBASE_ASSIGN_OR_RETURN(access.certificate, ReadWholeFile(identity.certificate));
  KUBASE_ASSIGN_OR_RETURN(access.key, ReadWholeFile(identity.key));
  return access;
}

std::string RenderKubeconfig(const ClientAccess& access, const std::string& name) {
  return RenderDocument(name, ClusterNode(access), UserNode(access));
}

Result<void> WriteKubeconfig(const fs::path& path, const ClientAccess& access,
                             const std::string& name, const std::optional<FileOwner>& owner) {
  return WriteFileAtomically(path, RenderKubeconfig(access, name), {0600, owner});
}

Result<void> WriteComponentKubeconfig(const fs::path& path, const std::string& server,
                                      const CertificateFile& ca, const CertificateFile& identity) {
  YAML::Node cluster(YAML::NodeType::Map);
  cluster["server"] = QuotedScalar(server);
  cluster["certificate-authority"] = QuotedScalar(ca.certificate.string());
  YAML::Node user(YAML::NodeType::Map);
  user["client-certificate"] = QuotedScalar(identity.certificate.string());
  user["client-key"] = QuotedScalar(identity.key.string());
  return WriteFileAtomically(path, RenderDocument("kubase", cluster, user), FileAttributes{});
}

Result<fs::path> DefaultKubeconfigPath(const HostUser& user) {
  const std::string listed = user.Variable("KUBECONFIG");
  // kubectl writes to the first file of the list; empty elements are skipped.
  size_t begin = listed.find_first_not_of(':');
  if (begin != std::string::npos) {
    return fs::path(listed.substr(begin, listed.find(':', begin) - begin));
  }
  if (user.home.is_absolute()) return user.home / ".kube" / "config";
  return Error{ErrorCode::kInvalidArgument,
               "this user has no home directory: say where the kubeconfig is with --kubeconfig"};
}

std::string ContextName(const fs::path& data_dir, const HostUser& user) {
  const Result<fs::path> standard = DefaultDataDir(user);
  if (standard.ok() && *standard == data_dir) return "kubase";
  return "kubase-" + data_dir.filename().string();
}

}  // namespace kubase::launcher
