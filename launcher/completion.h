// Completion scripts for shells, generated from the verbs and flags as they really are.
//
// What follows `kubase kubectl` is completed by kubectl itself, so that resources of the running
// cluster are offered too.
#pragma once

#include <string>
#include <vector>

#include "launcher/command_line.h"
#include "shim/base/result.h"

namespace kubase::launcher {

// `shell`: bash, zsh or fish; kInvalidArgument for others.
Result<std::string> RenderCompletion(const std::string& shell,
                                     const std::vector<VerbDescription>& verbs);

}  // namespace kubase::launcher
