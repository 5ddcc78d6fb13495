// The limit of open files: kube-apiserver keeps a connection for each kind of resource, and each
// watcher and client needs one too, so the usual 1024 are gone with a thousand
// CustomResourceDefinitions.
#pragma once

namespace kubase::launcher {

// Raises this process's limit as far as the system allows. Nothing happens when it may not.
void RaiseFileLimit();

}  // namespace kubase::launcher
