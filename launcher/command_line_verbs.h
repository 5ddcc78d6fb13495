// The verbs of the command line with their options, as CLI11 wants them.
#pragma once

#include "launcher/flags.h"

namespace CLI {
class App;
}  // namespace CLI

namespace kubase::launcher {

// All flags of all verbs: CLI11 binds options to variables that must outlive the parse.
struct AllFlags {
  UpFlags up;
  DownFlags down;
  StatusFlags status;
  KubectlFlags kubectl;
  KubeconfigFlags kubeconfig;
  ServeFlags serve;
  ResetFlags reset;
  RestoreFlags restore;
  FsckFlags fsck;
  GcFlags gc;
  VersionFlags version;
  CompletionFlags completion;
};

// `flags` must outlive the app.
void AddVerbs(CLI::App& app, AllFlags& flags);

}  // namespace kubase::launcher
