// The certificates of one control plane: the ones kubeadm makes, ECDSA P-256, kept in one folder.
//
// The keys of the CAs and of service accounts are made once and never replaced here: doing so would
// cut off every client and token. The certificate of a CA is renewed for its key in the last third
// of its life, so that who trusts the one before has years to get the new one. Leaves are issued
// again whenever they are no longer good; the Kubernetes components reload them from the files, so
// calling EnsurePki while they run is how certificates are renewed. Private keys are 0600 and never
// part of an error.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "shim/base/clock.h"
#include "shim/base/result.h"

namespace kubase::launcher {

struct PkiOptions {
  std::filesystem::path directory;            // created 0700 when it is missing
  std::string service_cidr = "10.96.0.0/12";  // its first address is the service "kubernetes"
  std::string bind_address;                   // of the apiserver; empty, 0.0.0.0 and :: add nothing
  std::string host_name;                      // may be empty
};

struct CertificateFile {
  std::string name;  // "apiserver", for humans
  std::filesystem::path certificate;
  std::filesystem::path key;
  WallTime not_after;
  // Why it was issued by this call: "new", "expires soon", … Empty: it was there and good.
  std::string issued_because;
};

// All files exist and are good when EnsurePki returns it.
struct Pki {
  CertificateFile ca;
  CertificateFile front_proxy_ca;
  CertificateFile apiserver;                 // serving
  CertificateFile apiserver_kubelet_client;  // O=system:masters
  CertificateFile front_proxy_client;
  CertificateFile admin;               // O=system:masters
  CertificateFile controller_manager;  // CN=system:kube-controller-manager
  CertificateFile scheduler;           // CN=system:kube-scheduler
  std::filesystem::path service_account_private_key;
  std::filesystem::path service_account_public_key;

  // The certificates above in that order, for the status page and the log.
  std::vector<CertificateFile> All() const;
};

// Creates what is missing and issues again every leaf that has less than a third of its life left,
// lacks a name it should have, does not chain to its CA, or cannot be read. Idempotent.
// Errors, one sentence with the fix: kCorrupt (a CA or the service account key is there but cannot
// be read, or does not fit its key), kInvalidArgument (service_cidr or a name), kNoSpace,
// kPermissionDenied, kUnsupported (a CA is not valid yet, or has expired and is not ours),
// kInternal.
Result<Pki> EnsurePki(const PkiOptions& options, const Clock& clock);

struct ClientIdentity {
  std::string user;                 // not empty; the CN
  std::vector<std::string> groups;  // the Os
  std::chrono::seconds valid_for = std::chrono::hours(24 * 365);
};

// PEM texts. The key is a secret.
struct IssuedCertificate {
  std::string certificate;
  std::string key;
  WallTime not_after;
};

// A client certificate by the CA of the folder, for `kubase kubeconfig --user`; nothing is written.
// It never outlives the CA. Errors: kNotFound (no CA yet), kCorrupt, kInvalidArgument.
Result<IssuedCertificate> IssueClientCertificate(const std::filesystem::path& directory,
                                                 const ClientIdentity& identity,
                                                 const Clock& clock);

// The first usable address of a service range: "10.96.0.0/12" gives "10.96.0.1", "fd00::/108" gives
// "fd00::1". Error: kInvalidArgument.
Result<std::string> FirstServiceAddress(const std::string& cidr);

}  // namespace kubase::launcher
