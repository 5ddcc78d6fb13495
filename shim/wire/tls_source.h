// TlsSource: what to serve TLS with, from files that are replaced when certificates are renewed.
//
// They are read for each handshake, as etcd does it, and the key and the client CA with them.
// Files that cannot be used, such as half of a new pair, change nothing.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "shim/base/log.h"
#include "shim/base/result.h"
#include "shim/wire/tls_files.h"

namespace kubase::wire {

// Any thread.
class TlsSource {
 public:
  // The log must outlive it. Errors: those of ReadTls and CheckTls.
  static Result<std::unique_ptr<TlsSource>> Open(TlsFiles files, Log& log);

  // What the files hold, or the last that could be used; the same object while nothing changes.
  std::shared_ptr<const TlsMaterial> Get();
  bool asks_clients() const { return !files_.client_ca.empty(); }

 private:
  TlsSource(TlsFiles files, Log& log);
  Result<void> Reload();

  const TlsFiles files_;
  const bool rereads_;
  Log& log_;
  std::mutex mutex_;
  // shared: calls that still look at the one before; guarded by mutex_, as the next.
  std::shared_ptr<const TlsMaterial> current_;
  std::string problem_;  // with the files as they are, and logged; empty: none
};

}  // namespace kubase::wire
