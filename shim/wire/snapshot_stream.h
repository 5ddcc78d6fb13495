// The byte stream of a snapshot with what etcdctl wants at its end: padding and checksum.
#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "shim/base/result.h"

namespace kubase::wire {

// SHA-256 over the parts of a snapshot and their total size. Not thread safe.
class SnapshotDigest {
 public:
  SnapshotDigest();

  // Errors: kInternal when OpenSSL refuses.
  Result<void> Add(const std::string& part);
  // The zero bytes that make the stream a multiple of 512; already counted.
  Result<std::string> Padding();
  // The checksum, 32 bytes; nothing may be added after it.
  Result<std::string> Finish();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
  uint64_t bytes_ = 0;
};

}  // namespace kubase::wire
