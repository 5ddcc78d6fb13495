// kubeconfig files: the ones the components use, and our context in the user's own file.
//
// Our entries in a file that is not ours carry an extension named "kubase" with the data directory,
// so that they are told apart from entries that merely have the same name. A file that cannot be
// understood is never written.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "launcher/host.h"
#include "launcher/pki.h"
#include "shim/base/result.h"

namespace kubase::launcher {

// Where a client finds the API and how it proves who it is. PEM texts; the key is a secret.
struct ClientAccess {
  std::string server;  // "https://127.0.0.1:6443"
  std::string ca;
  std::string certificate;
  std::string key;
};

// Reads the files of `identity` and the CA. Errors: those of reading a file.
Result<ClientAccess> ReadClientAccess(const std::string& server, const CertificateFile& ca,
                                      const CertificateFile& identity);

// A kubeconfig with everything embedded; context, cluster and user are called `name`. A secret.
std::string RenderKubeconfig(const ClientAccess& access, const std::string& name);

// Writes RenderKubeconfig to `path`, mode 0600, owned by `owner` when given.
Result<void> WriteKubeconfig(const std::filesystem::path& path, const ClientAccess& access,
                             const std::string& name, const std::optional<FileOwner>& owner);

// A kubeconfig (0600) that refers to certificate and key by path, so that a renewed certificate is
// picked up without a restart: for the controller-manager and the scheduler.
Result<void> WriteComponentKubeconfig(const std::filesystem::path& path, const std::string& server,
                                      const CertificateFile& ca, const CertificateFile& identity);

// The file kubectl would write: the first of $KUBECONFIG, else ~/.kube/config.
// Error: kInvalidArgument when there is no home directory.
Result<std::filesystem::path> DefaultKubeconfigPath(const HostUser& user);

// "kubase" for the default data directory, else "kubase-" and the directory's last name.
std::string ContextName(const std::filesystem::path& data_dir, const HostUser& user);

struct MergeRequest {
  std::filesystem::path file;      // created (0600, its directory 0700) when it is missing
  std::filesystem::path data_dir;  // whose entries these are
  std::string name;                // of context, cluster and user: ContextName
  ClientAccess access;
  bool switch_context = false;                    // true: also make it the current context
  std::chrono::milliseconds lock_wait_max{5000};  // for another program that changes the file
  std::optional<FileOwner> owner;  // of a file or directory that is created; absent: this user
};

struct MergeOutcome {
  std::string context;        // the name used; differs from the wanted one when another
                              // kubase has that name
  bool is_current = false;    // it is the current context now
  std::string other_current;  // the current context when it is not ours
};

// Puts our context into a kubeconfig, replacing our earlier one, and leaves everything else as it
// was (comments are lost, as with kubectl). It becomes current when asked for, or when the file has
// no current context. Holds FILE.lock as kubectl does; follows symbolic links; keeps the mode.
// Errors, one sentence with the fix, the file untouched: kInvalidArgument (not a kubeconfig),
// kAlreadyExists (an entry of that name is not ours), kUnavailable (locked by another program),
// kNoSpace, kPermissionDenied.
Result<MergeOutcome> MergeContext(const MergeRequest& request);

// Whether MergeContext could do it now, as far as can be told without writing anything; `access`
// may be empty. Errors: those of MergeContext but kUnavailable and kNoSpace.
Result<void> CheckMergeContext(const MergeRequest& request);

// Removes the entries of `data_dir` from the file, and the current context when it was ours. True:
// something was removed. An absent file is success. Errors as MergeContext.
Result<bool> RemoveContext(const std::filesystem::path& file,
                           const std::filesystem::path& data_dir);

}  // namespace kubase::launcher
