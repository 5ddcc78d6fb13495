// A disk that fails on demand, under an unmodified kubase: a library for LD_PRELOAD.
//
// It stands between the process and the calls that change databases (*.db) and their logs
// (*.db-wal). The file that DISK_FAULTS names says what happens, and is read at each of these
// calls:
//   CALL ACTION FIRST COUNT SERIAL
// CALL is write, grow (a write that makes its file longer), sync or truncate; ACTION is EIO, ENOSPC
// or a number of milliseconds by which the call is late; FIRST is the first call that meets it,
// counted from 1 since the text of the file changed; COUNT is how many do, 0 for all; SERIAL makes
// the text new. An empty file is a healthy disk. Every call that met a fault appends a byte to the
// file with ".met" behind its name.
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <sstream>
#include <string>

namespace {

struct Fault {
  std::string call;
  std::string action;
  long first = 0;
  long count = 0;
};

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Whether a descriptor is of a database or its log.
bool IsDatabase(int fd) {
  char target[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), target, sizeof(target));
  const std::string path(target, size > 0 ? static_cast<size_t>(size) : 0);
  return EndsWith(path, ".db") || EndsWith(path, ".db-wal");
}

std::string ReadWhole(const char* path) {
  char text[256];
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  const ssize_t size = read(fd, text, sizeof(text));
  close(fd);
  return {text, size > 0 ? static_cast<size_t>(size) : 0};
}

class Disk {
 public:
  // The error that this call meets, 0 for none. A slow call has been waited for.
  int Meet(const char* call, bool grows) {
    const char* control = getenv("DISK_FAULTS");
    if (control == nullptr) return 0;
    int late_ms = 0;
    {
      std::lock_guard lock(mutex_);
      Load(ReadWhole(control));
      if (fault_.call != call && !(grows && fault_.call == "grow")) return 0;
      ++calls_;
      if (calls_ < fault_.first) return 0;
      if (fault_.count > 0 && calls_ >= fault_.first + fault_.count) return 0;
      NoteMet(std::string(control) + ".met");
      if (fault_.action == "EIO") return EIO;
      if (fault_.action == "ENOSPC") return ENOSPC;
      late_ms = atoi(fault_.action.c_str());
    }
    poll(nullptr, 0, late_ms);
    return 0;
  }

 private:
  void Load(const std::string& text) {
    if (text == text_) return;
    text_ = text;
    calls_ = 0;
    fault_ = Fault();
    std::istringstream(text) >> fault_.call >> fault_.action >> fault_.first >> fault_.count;
  }

  void NoteMet(const std::string& path) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1) abort();  // a test that cannot tell proves nothing
    close(fd);
  }

  std::mutex mutex_;
  std::string text_;  // of the control file
  Fault fault_;
  long calls_ = 0;  // of the kind that the fault is for
};

int Meet(const char* call, int fd, bool grows = false) {
  static Disk disk;
  return IsDatabase(fd) ? disk.Meet(call, grows) : 0;
}

bool Grows(int fd, size_t size, off64_t offset) {
  struct stat64 state;
  return fstat64(fd, &state) == 0 && offset + static_cast<off64_t>(size) > state.st_size;
}

int Fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

// A full disk takes a part of what it is given.
ssize_t pwrite64(int fd, const void* from, size_t size, off64_t offset) {
  static auto* const real = Real<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  const int error = Meet("write", fd, Grows(fd, size, offset));
  if (error == ENOSPC && size > 1 && real(fd, from, size / 2, offset) < 0) return -1;
  return error != 0 ? Fail(error) : real(fd, from, size, offset);
}

int fdatasync(int fd) {
  static auto* const real = Real<int(int)>("fdatasync");
  const int error = Meet("sync", fd);
  return error != 0 ? Fail(error) : real(fd);
}

int fsync(int fd) {
  static auto* const real = Real<int(int)>("fsync");
  const int error = Meet("sync", fd);
  return error != 0 ? Fail(error) : real(fd);
}

int ftruncate64(int fd, off64_t size) {
  static auto* const real = Real<int(int, off64_t)>("ftruncate64");
  const int error = Meet("truncate", fd);
  return error != 0 ? Fail(error) : real(fd, size);
}

}  // extern "C"
