// EVP behind a small class.
#include "shim/wire/snapshot_stream.h"

namespace kubase::wire {
namespace {

constexpr uint64_t kSectorBytes = 512;  // etcdctl tells a checksum by size % 512 == 32

Error DigestFailed() {
  return {ErrorCode::kInternal, "OpenSSL cannot compute the SHA-256 of the snapshot"};
}

}  // namespace

SnapshotDigest::SnapshotDigest() : context_(EVP_MD_CTX_new()) {
  if (context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
    context_.reset();
  }
}

Result<void> SnapshotDigest::Add(const std::string& part) {
  if (context_ == nullptr || EVP_DigestUpdate(context_.get(), part.data(), part.size()) != 1) {
    return DigestFailed();
  }
  bytes_ += part.size();
  return Ok();
}

Result<std::string> SnapshotDigest::Padding() {
  std::string padding((kSectorBytes - bytes_ % kSectorBytes) % kSectorBytes, '\0');
  KUBASE_TRY(Add(padding));
  return padding;
}

Result<std::string> SnapshotDigest::Finish() {
  std::string checksum(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  if (context_ == nullptr ||
      EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(checksum.data()),
                         &size) != 1) {
    return DigestFailed();
  }
  checksum.resize(size);
  return checksum;
}

}  // namespace kubase::wire
