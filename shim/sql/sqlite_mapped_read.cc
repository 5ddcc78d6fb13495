// The handler runs on the thread that touched the page, and makes system calls only.
#include "shim/sql/sqlite_mapped_read.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>

#include "shim/base/result.h"

namespace kubase::sql {
namespace {

thread_local std::atomic<MappedRead*> current{nullptr};  // atomic: for the signal handler
static_assert(std::atomic<MappedRead*>::is_always_lock_free);

// /proc/self/maps character by character, without memory of the heap.
class MapsReader {
 public:
  MapsReader() : fd_(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC)) {}
  ~MapsReader() {
    if (fd_ >= 0) ::close(fd_);
  }
  MapsReader(const MapsReader&) = delete;
  MapsReader& operator=(const MapsReader&) = delete;

  // A number and the character behind it.
  uint64_t Number(unsigned base) {
    uint64_t number = 0;
    for (unsigned digit = Digit(Next()); digit < base; digit = Digit(Next())) {
      number = number * base + digit;
    }
    return number;
  }
  void SkipPast(char last) {
    for (int c = Next(); c != last && c != kEnd; c = Next()) continue;
  }
  bool at_end() const { return at_end_; }

 private:
  static constexpr int kEnd = -1;

  static unsigned Digit(int c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    return ~0U;
  }

  int Next() {
    if (next_ == size_) {
      size_ = ::read(fd_, buffer_, sizeof(buffer_));
      next_ = 0;
    }
    at_end_ = size_ <= 0;
    if (!at_end_) return buffer_[next_++];
    size_ = 0;
    return kEnd;
  }

  const int fd_;
  char buffer_[4096];
  ssize_t size_ = 0;
  ssize_t next_ = 0;
  bool at_end_ = false;
};

// Lines as `7f00-7f01 r--s 00000000 08:01 1234    /path`.
MappedFile FindMappedFile(const void* address) {
  constexpr unsigned kHex = 16;
  constexpr unsigned kDecimal = 10;
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  MapsReader maps;
  while (!maps.at_end()) {
    const uint64_t begin = maps.Number(kHex);
    const uint64_t end = maps.Number(kHex);
    maps.SkipPast(' ');  // the permissions
    maps.SkipPast(' ');  // the offset
    if (wanted >= begin && wanted < end) {
      MappedFile file;
      file.device_major = maps.Number(kHex);
      file.device_minor = maps.Number(kHex);
      file.inode = maps.Number(kDecimal);
      return file;
    }
    maps.SkipPast('\n');
  }
  return {};
}

}  // namespace

// SQLite maps the file anew when it has changed, so that an address tells nothing for long. The
// first page is not looked at, and may be missing.
MappedFile FindMapping(sqlite3_file* file) {
  void* page = nullptr;
  if (file->pMethods->iVersion < 3) return {};
  if (file->pMethods->xFetch(file, 0, 1, &page) != SQLITE_OK || page == nullptr) return {};
  const MappedFile mapping = FindMappedFile(page);
  file->pMethods->xUnfetch(file, 0, page);
  return mapping;
}

MappedRead::MappedRead(MappedFile file) : file_(file) {
  KUBASE_CHECK(current == nullptr);
  current = this;
}

MappedRead::~MappedRead() {
  current = nullptr;
}

bool MappedRead::ReplacePage(void* address) {
  if (file_.inode == 0 || FindMappedFile(address) != file_) return false;
  const auto page_bytes = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t page = reinterpret_cast<uintptr_t>(address) & ~(page_bytes - 1);
  if (::mmap(reinterpret_cast<void*>(page), page_bytes, PROT_READ,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
    return false;
  }
  failed_ = 1;
  return true;
}

void MappedRead::OnBusError(int signal, siginfo_t* info, void*) {
  const int error = errno;
  MappedRead* const read = current;
  const bool from_a_page = info->si_code > 0;  // not sent by a process
  if (!from_a_page || read == nullptr || !read->ReplacePage(info->si_addr)) {
    // An access is repeated and ends the process; what was sent has to be sent again.
    ::signal(signal, SIG_DFL);
    if (!from_a_page) ::raise(signal);
  }
  errno = error;
}

void MappedRead::InstallHandler() {
  static std::once_flag installed;
  std::call_once(installed, [] {
    struct sigaction action {};
    action.sa_sigaction = OnBusError;
    action.sa_flags = SA_SIGINFO;
    KUBASE_CHECK(::sigaction(SIGBUS, &action, nullptr) == 0);
  });
}

}  // namespace kubase::sql
