// Compares what was read, since times of files say little on some file systems.
#include "shim/wire/tls_source.h"

#include <filesystem>
#include <utility>

namespace kubase::wire {
namespace {

// A pipe, as of a shell's `<(command)`, can be read once.
bool AreRegular(const TlsFiles& files) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(files.certificate, ignored) &&
         std::filesystem::is_regular_file(files.key, ignored) &&
         (files.client_ca.empty() || std::filesystem::is_regular_file(files.client_ca, ignored));
}

}  // namespace

TlsSource::TlsSource(TlsFiles files, Log& log)
    : files_(std::move(files)), rereads_(AreRegular(files_)), log_(log) {}

Result<std::unique_ptr<TlsSource>> TlsSource::Open(TlsFiles files, Log& log) {
  std::unique_ptr<TlsSource> source(new TlsSource(std::move(files), log));
  KUBASE_ASSIGN_OR_RETURN(TlsMaterial material, ReadTls(source->files_));
  KUBASE_TRY(CheckTls(material, source->files_));
  source->current_ = std::make_shared<TlsMaterial>(std::move(material));
  return source;
}

std::shared_ptr<const TlsMaterial> TlsSource::Get() {
  const std::lock_guard lock(mutex_);
  if (!rereads_) return current_;
  const Result<void> reloaded = Reload();
  std::string problem = reloaded.ok() ? "" : reloaded.error().message;
  if (!problem.empty() && problem != problem_) {
    log_.Warning(
        "The TLS files cannot be used, so what they held before stays in use; correct them, no "
        "restart is needed",
        {{"cause", problem}});
  }
  problem_ = std::move(problem);
  return current_;
}

Result<void> TlsSource::Reload() {
  KUBASE_ASSIGN_OR_RETURN(TlsMaterial material, ReadTls(files_));
  if (material == *current_) return Ok();
  const Result<std::string> expires = CheckTls(material, files_);
  if (!expires.ok()) {
    const Result<TlsMaterial> again = ReadTls(files_);
    const bool being_replaced = again.ok() && *again != material;  // the next call sees them whole
    return being_replaced ? Ok() : expires.error();
  }
  current_ = std::make_shared<TlsMaterial>(std::move(material));
  log_.Info("The TLS certificate was replaced",
            {{"certificate", files_.certificate}, {"expires", *expires}});
  return Ok();
}

}  // namespace kubase::wire
