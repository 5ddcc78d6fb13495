// Decides which files exist, which are issued again, and writes them: certificates.h does the
// cryptography. The key is written before its certificate: after a crash in between the pair does
// not fit, and the next start issues it again.
#include "launcher/pki.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <utility>

#include "launcher/certificates.h"
#include "launcher/files.h"

namespace kubase::launcher {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kYear{24 * 365};
constexpr std::chrono::hours kAuthorityLife = 10 * kYear;
// A clock that is ahead when the CA is made, or behind at some boot, leaves it valid.
constexpr std::chrono::hours kAuthorityBackdate = kYear;
constexpr const char* kAuthorityLoss = "every kubeconfig has to be handed out again";
constexpr mode_t kPublic = 0644;
constexpr mode_t kPrivate = 0600;

bool IsMissing(const fs::path& path) {
  std::error_code error;
  // What cannot be looked at is there, perhaps.
  return fs::symlink_status(path, error).type() == fs::file_type::not_found;
}

class PkiFolder {
 public:
  PkiFolder(fs::path directory, const Clock& clock)
      : directory_(std::move(directory)), now_(clock.WallNow()) {}

  // The key of a CA that is there is kept, whatever becomes of its certificate.
  Result<KeyPair> EnsureAuthority(CertificateFile& file, const std::string& stem,
                                  const std::string& common_name) {
    SetPaths(file, stem);
    CertificateSpec spec{.use = CertificateUse::kAuthority,
                         .common_name = common_name,
                         .valid_for = kAuthorityLife,
                         .backdated_by = kAuthorityBackdate};
    if (IsMissing(file.certificate)) return MakeAuthority(file, spec);
    KUBASE_ASSIGN_OR_RETURN(KeyPair found, LoadAuthority(file));
    file.not_after = NotAfter(*found.certificate);
    const WallTime begin = NotBefore(*found.certificate);
    if (now_ < begin) return NotValidYet(file, begin);
    if (file.not_after - now_ >= kAuthorityLife / 3) return found;
    // Good for all the time that it was good for, should it be this clock that is wrong.
    spec.backdated_by = std::chrono::ceil<std::chrono::seconds>(now_ - begin);
    return RenewAuthority(file, spec, std::move(found));
  }

  // But for one that others have made: its owner renews it. A certificate for the same key and name
  // is as good as the one before: what was signed still verifies, and who trusts the one before
  // trusts what is signed from now on, until that ends.
  Result<KeyPair> RenewAuthority(CertificateFile& file, const CertificateSpec& spec,
                                 KeyPair found) {
    const bool has_expired = now_ >= file.not_after;
    if (IsSelfSigned(*found.certificate, spec)) {
      KUBASE_ASSIGN_OR_RETURN(KeyPair made,
                              IssueCertificate(spec, std::move(found.key), nullptr, now_));
      if (IsSameAuthority(*made.certificate, *found.certificate)) {
        KUBASE_TRY(Save(file, made, has_expired ? "it has expired" : "it expires soon"));
        return made;
      }
      found.key = std::move(made.key);
    }
    if (has_expired) return HasExpired(file);
    return found;
  }

  // A key without its certificate is what a crash between the two files leaves.
  Result<KeyPair> MakeAuthority(CertificateFile& file, const CertificateSpec& spec) {
    KUBASE_ASSIGN_OR_RETURN(EvpKey key,
                            IsMissing(file.key) ? MakeEcKey() : LoadKey(file.key, kAuthorityLoss));
    KUBASE_ASSIGN_OR_RETURN(KeyPair made, IssueCertificate(spec, std::move(key), nullptr, now_));
    KUBASE_TRY(Save(file, made, "new"));
    return made;
  }

  Result<void> EnsureLeaf(CertificateFile& file, const std::string& stem, CertificateSpec spec,
                          const KeyPair& issuer) {
    SetPaths(file, stem);
    spec.valid_for = kYear;
    const std::string reason = ReasonToIssue(file, spec, issuer);
    if (reason.empty()) return Ok();
    KUBASE_ASSIGN_OR_RETURN(EvpKey key, MakeEcKey());
    KUBASE_ASSIGN_OR_RETURN(const KeyPair made,
                            IssueCertificate(spec, std::move(key), &issuer, now_));
    return Save(file, made, reason);
  }

  Result<void> EnsureServiceAccountKeys(Pki& pki) {
    pki.service_account_private_key = directory_ / "sa.key";
    pki.service_account_public_key = directory_ / "sa.pub";
    EvpKey key;
    if (IsMissing(pki.service_account_private_key)) {
      KUBASE_ASSIGN_OR_RETURN(key, MakeRsaKey());
      KUBASE_ASSIGN_OR_RETURN(const std::string pem, PrivateKeyToPem(*key));
      KUBASE_TRY(WriteFileAtomically(pki.service_account_private_key, pem, {kPrivate, {}}));
    } else {
      KUBASE_ASSIGN_OR_RETURN(key, LoadKey(pki.service_account_private_key,
                                           "every service account token stops working"));
    }
    // The public half is derived, so that a lost or damaged one heals.
    KUBASE_ASSIGN_OR_RETURN(const std::string pem, PublicKeyToPem(*key));
    const Result<std::string> found = ReadWholeFile(pki.service_account_public_key);
    if (found.ok() && *found == pem) return Ok();
    return WriteFileAtomically(pki.service_account_public_key, pem, {kPublic, {}});
  }

  Result<KeyPair> LoadAuthority(const CertificateFile& file) {
    KeyPair pair;
    KUBASE_ASSIGN_OR_RETURN(pair.key, LoadKey(file.key, kAuthorityLoss));
    KUBASE_ASSIGN_OR_RETURN(const std::string pem, ReadWholeFile(file.certificate));
    Result<X509Certificate> certificate = CertificateFromPem(pem);
    if (!certificate.ok()) return Damaged(file.certificate, certificate.error(), kAuthorityLoss);
    pair.certificate = std::move(certificate).value();
    if (FitsKey(pair)) return pair;
    return Damaged(file.certificate, {ErrorCode::kCorrupt, "it does not fit its key"},
                   kAuthorityLoss);
  }

  void SetPaths(CertificateFile& file, const std::string& stem) const {
    file.name = stem;
    file.certificate = directory_ / (stem + ".crt");
    file.key = directory_ / (stem + ".key");
  }

 private:
  Result<EvpKey> LoadKey(const fs::path& path, const char* loss) {
    const Result<std::string> pem = ReadWholeFile(path);
    if (!pem.ok() && pem.error().code != ErrorCode::kNotFound) return pem.error();
    Result<EvpKey> key =
        pem.ok() ? PrivateKeyFromPem(*pem) : Error{ErrorCode::kCorrupt, "it is missing"};
    if (!key.ok()) return Damaged(path, key.error(), loss);
    return key;
  }

  // Nothing tells whether the clock is wrong now or was wrong then, so nothing is changed.
  Error NotValidYet(const CertificateFile& file, WallTime begin) const {
    return {ErrorCode::kUnsupported,
            fmt::format("the CA {} is valid from {:%F} on, and the clock of this machine says "
                        "{:%F}: set the clock; if it is right, move that file away to get one for "
                        "the same key ({})",
                        file.certificate.string(), begin, now_, kAuthorityLoss)};
  }

  Error HasExpired(const CertificateFile& file) const {
    return {ErrorCode::kUnsupported,
            fmt::format("the CA {} has expired and was not made by kubase: have it renewed, or "
                        "move it and {} away to make new ones ({})",
                        file.certificate.string(), file.key.string(), kAuthorityLoss)};
  }

  Error Damaged(const fs::path& path, const Error& error, const char* loss) const {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("cannot use {}: {}; restore it from a backup, or move {} away to make "
                             "new ones ({})",
                             path.string(), error.message, directory_.string(), loss)};
  }

  // Empty: the pair on disk is good, and file.not_after is set.
  std::string ReasonToIssue(CertificateFile& file, const CertificateSpec& spec,
                            const KeyPair& issuer) const {
    if (IsMissing(file.certificate) && IsMissing(file.key)) return "new";
    const Result<std::string> certificate_pem = ReadWholeFile(file.certificate);
    const Result<std::string> key_pem = ReadWholeFile(file.key);
    if (!certificate_pem.ok() || !key_pem.ok()) return "its files cannot be read";
    Result<X509Certificate> certificate = CertificateFromPem(*certificate_pem);
    Result<EvpKey> key = PrivateKeyFromPem(*key_pem);
    if (!certificate.ok() || !key.ok()) return "its files are damaged";
    const KeyPair pair{std::move(certificate).value(), std::move(key).value()};
    file.not_after = NotAfter(*pair.certificate);
    return FindFault(pair, spec, *issuer.certificate, now_).value_or("");
  }

  Result<void> Save(CertificateFile& file, const KeyPair& pair, std::string reason) {
    KUBASE_ASSIGN_OR_RETURN(const std::string key, PrivateKeyToPem(*pair.key));
    KUBASE_ASSIGN_OR_RETURN(const std::string certificate, CertificateToPem(*pair.certificate));
    KUBASE_TRY(WriteFileAtomically(file.key, key, {kPrivate, {}}));
    KUBASE_TRY(WriteFileAtomically(file.certificate, certificate, {kPublic, {}}));
    file.not_after = NotAfter(*pair.certificate);
    file.issued_because = std::move(reason);
    return Ok();
  }

  const fs::path directory_;
  const WallTime now_;
};

CertificateSpec ClientSpec(std::string common_name, std::vector<std::string> organizations) {
  return {.use = CertificateUse::kClient,
          .common_name = std::move(common_name),
          .organizations = std::move(organizations)};
}

// The names kubeadm gives, plus localhost: here the clients sit on the same machine.
Result<CertificateSpec> ServerSpec(const PkiOptions& options) {
  CertificateSpec spec{.use = CertificateUse::kServer, .common_name = "kube-apiserver"};
  KUBASE_ASSIGN_OR_RETURN(const std::string service, FirstServiceAddress(options.service_cidr));
  spec.names = {"kubernetes",
                "kubernetes.default",
                "kubernetes.default.svc",
                "kubernetes.default.svc.cluster.local",
                "localhost",
                "127.0.0.1",
                "::1",
                service};
  const std::string& bind = options.bind_address;
  if (!bind.empty() && bind != "0.0.0.0" && bind != "::") spec.names.push_back(bind);
  // A machine may have a name that DNS forbids (with "_"); nobody can connect by it, so it is left
  // out instead of refusing to start.
  if (IsCertificateName(options.host_name)) spec.names.push_back(options.host_name);
  return spec;
}

}  // namespace

std::vector<CertificateFile> Pki::All() const {
  return {ca,    front_proxy_ca,     apiserver, apiserver_kubelet_client, front_proxy_client,
          admin, controller_manager, scheduler};
}

Result<Pki> EnsurePki(const PkiOptions& options, const Clock& clock) {
  KUBASE_ASSIGN_OR_RETURN(const CertificateSpec server, ServerSpec(options));
  KUBASE_TRY(CreateDirectory(options.directory, 0700));
  Pki pki;
  PkiFolder folder(options.directory, clock);
  KUBASE_ASSIGN_OR_RETURN(const KeyPair ca, folder.EnsureAuthority(pki.ca, "ca", "kubernetes"));
  KUBASE_ASSIGN_OR_RETURN(
      const KeyPair proxy_ca,
      folder.EnsureAuthority(pki.front_proxy_ca, "front-proxy-ca", "front-proxy-ca"));
  const std::string masters = "system:masters";
  KUBASE_TRY(folder.EnsureLeaf(pki.apiserver, "apiserver", server, ca));
  KUBASE_TRY(folder.EnsureLeaf(pki.apiserver_kubelet_client, "apiserver-kubelet-client",
                               ClientSpec("kube-apiserver-kubelet-client", {masters}), ca));
  KUBASE_TRY(folder.EnsureLeaf(pki.front_proxy_client, "front-proxy-client",
                               ClientSpec("front-proxy-client", {}), proxy_ca));
  KUBASE_TRY(folder.EnsureLeaf(pki.admin, "admin", ClientSpec("kubernetes-admin", {masters}), ca));
  KUBASE_TRY(folder.EnsureLeaf(pki.controller_manager, "controller-manager",
                               ClientSpec("system:kube-controller-manager", {}), ca));
  KUBASE_TRY(
      folder.EnsureLeaf(pki.scheduler, "scheduler", ClientSpec("system:kube-scheduler", {}), ca));
  KUBASE_TRY(folder.EnsureServiceAccountKeys(pki));
  return pki;
}

Result<IssuedCertificate> IssueClientCertificate(const fs::path& directory,
                                                 const ClientIdentity& identity,
                                                 const Clock& clock) {
  CertificateFile file;
  PkiFolder folder(directory, clock);
  folder.SetPaths(file, "ca");
  if (IsMissing(file.certificate)) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("there is no CA in {} yet: start kubase once", directory.string())};
  }
  if (identity.user.empty() || identity.valid_for <= std::chrono::seconds(0)) {
    return Error{ErrorCode::kInvalidArgument,
                 "a client certificate needs a user name and a time to live above zero"};
  }
  KUBASE_ASSIGN_OR_RETURN(const KeyPair ca, folder.LoadAuthority(file));
  CertificateSpec spec = ClientSpec(identity.user, identity.groups);
  spec.valid_for = identity.valid_for;
  KUBASE_ASSIGN_OR_RETURN(EvpKey key, MakeEcKey());
  KUBASE_ASSIGN_OR_RETURN(const KeyPair made,
                          IssueCertificate(spec, std::move(key), &ca, clock.WallNow()));
  IssuedCertificate issued;
  KUBASE_ASSIGN_OR_RETURN(issued.certificate, CertificateToPem(*made.certificate));
  KUBASE_ASSIGN_OR_RETURN(issued.key, PrivateKeyToPem(*made.key));
  issued.not_after = NotAfter(*made.certificate);
  return issued;
}

}  // namespace kubase::launcher
