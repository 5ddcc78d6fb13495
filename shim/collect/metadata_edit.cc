// What can be read can be changed; the encoding says how.
#include "shim/collect/metadata_edit.h"

#include "shim/collect/metadata_edit_encodings.h"
#include "shim/collect/object_metadata.h"
#include "shim/select/object_reader.h"

namespace kubase::collect {
namespace {

constexpr std::string_view kTerminating = "Terminating";

bool IsJson(std::string_view value) {
  return select::EncodingOf(value) == select::Encoding::kJson;
}

}  // namespace

std::optional<std::string> EditMetadata(std::string_view value, const MetadataEdit& edit) {
  const std::optional<ObjectMetadata> metadata = ReadMetadata(value);
  if (!metadata) return std::nullopt;
  return IsJson(value) ? EditJson(value, *metadata, edit) : EditProtobuf(value, *metadata, edit);
}

std::optional<std::string> WithTerminatingPhase(std::string_view value) {
  if (!ReadMetadata(value)) return std::nullopt;
  return IsJson(value) ? JsonWithPhase(value, kTerminating)
                       : ProtobufWithPhase(value, kTerminating);
}

}  // namespace kubase::collect
