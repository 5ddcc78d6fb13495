// Where selectors come from, and how they are encoded there.
#include "shim/wire/request_selector.h"

#include <charconv>
#include <utility>

namespace kubase::wire {
namespace {

constexpr char kLabelSelector[] = "x-kubase-label-selector";
constexpr char kFieldSelector[] = "x-kubase-field-selector";
constexpr char kWriter[] = "x-kubase-writer";

std::string PercentDecoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::string Metadata(const grpc::CallbackServerContext& context, const char* name) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(name);
  if (found == metadata.end()) return "";
  return PercentDecoded({found->second.data(), found->second.size()});
}

}  // namespace

bool IsByGarbageCollector(const grpc::CallbackServerContext& context) {
  return Metadata(context, kWriter) == "garbage-collector";
}

SelectorTexts SelectorTextsOf(const grpc::CallbackServerContext& context) {
  return {Metadata(context, kLabelSelector), Metadata(context, kFieldSelector)};
}

Result<std::shared_ptr<const select::Selector>> SelectorOf(const SelectorTexts& metadata,
                                                           std::string_view message_labels,
                                                           std::string_view message_fields) {
  const std::string_view labels = metadata.labels.empty() ? message_labels : metadata.labels;
  const std::string_view fields = metadata.fields.empty() ? message_fields : metadata.fields;
  std::shared_ptr<const select::Selector> result;
  if (labels.empty() && fields.empty()) return result;
  KUBASE_ASSIGN_OR_RETURN(select::Selector selector, select::ParseSelector(labels, fields));
  if (!selector.empty()) result = std::make_shared<const select::Selector>(std::move(selector));
  return result;
}

}  // namespace kubase::wire
