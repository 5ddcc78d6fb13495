// Where selectors come from, and how they are encoded there.
#include "shim/wire/request_selector.h"

#include <utility>

#include "shim/base/percent.h"

namespace kubase::wire {
namespace {

constexpr char kLabelSelector[] = "x-kubase-label-selector";
constexpr char kFieldSelector[] = "x-kubase-field-selector";
constexpr char kWriter[] = "x-kubase-writer";

std::string Metadata(const grpc::CallbackServerContext& context, const char* name) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(name);
  if (found == metadata.end()) return "";
  return DecodePercent({found->second.data(), found->second.size()});
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
