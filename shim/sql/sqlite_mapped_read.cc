// The handler runs on the thread that touched the page, and makes system calls only.
#include "shim/sql/sqlite_mapped_read.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <mutex>

#include "shim/base/result.h"

namespace kubase::sql {
namespace {

thread_local volatile sig_atomic_t reading = 0;
thread_local volatile sig_atomic_t read_failed = 0;

void OnBusError(int signal, siginfo_t* info, void*) {
  const int error = errno;
  const auto page_bytes = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t page = reinterpret_cast<uintptr_t>(info->si_addr) & ~(page_bytes - 1);
  const bool replaced =
      reading != 0 && ::mmap(reinterpret_cast<void*>(page), page_bytes, PROT_READ,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
  if (replaced) {
    read_failed = 1;
  } else {
    ::signal(signal, SIG_DFL);  // the access is repeated, and ends the process
  }
  errno = error;
}

}  // namespace

MappedRead::MappedRead() {
  KUBASE_CHECK(reading == 0);
  read_failed = 0;
  reading = 1;
}

MappedRead::~MappedRead() {
  reading = 0;
}

bool MappedRead::failed() const {
  return read_failed != 0;
}

void InstallMappedReadHandler() {
  static std::once_flag installed;
  std::call_once(installed, [] {
    struct sigaction action {};
    action.sa_sigaction = OnBusError;
    action.sa_flags = SA_SIGINFO;
    KUBASE_CHECK(::sigaction(SIGBUS, &action, nullptr) == 0);
  });
}

}  // namespace kubase::sql
