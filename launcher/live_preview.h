// LivePreview: the PreviewSource of a running kubase, by its store.
#pragma once

#include "launcher/storage.h"
#include "web/preview_source.h"

namespace kubase::launcher {

class LivePreview final : public web::PreviewSource {
 public:
  // `storage` must outlive it.
  explicit LivePreview(Storage& storage) : storage_(storage) {}

  Result<web::Preview> ReadPreview(const web::PreviewQuery& query) override;

 private:
  Storage& storage_;
};

}  // namespace kubase::launcher
