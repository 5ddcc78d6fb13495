// ProcessIdentity: a name for a process that no other ever has, and whether it has ended.
#pragma once

#include <string>

namespace kubase {

// "BOOT NAMESPACE PID START": of the boot of this machine, the PID namespace, the process and when
// it started; the same in all threads.
std::string OwnProcessIdentity();

// True: it is certain that the process of that identity has ended. False: it runs, also stopped, or
// that cannot be known from here: another machine, another container, an earlier boot.
bool HasEnded(const std::string& identity);

// True: it is certain that the process of that identity is, or was, on another machine, or on this
// one before it was booted.
bool IsOfAnotherBoot(const std::string& identity);

}  // namespace kubase
