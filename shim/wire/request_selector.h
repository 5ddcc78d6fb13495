// The selector of a request: from gRPC metadata, as our kube-apiserver sends it, or from HariKube's
// fields of the message.
#pragma once

#include <grpcpp/server_context.h>

#include <memory>
#include <string>
#include <string_view>

#include "shim/base/result.h"
#include "shim/select/selector.h"

namespace kubase::wire {

// Whether our kube-apiserver writes for the garbage collector of kube-controller-manager (metadata
// x-kubase-writer).
bool IsByGarbageCollector(const grpc::CallbackServerContext& context);

// Both in the syntax of Kubernetes; empty: everything.
struct SelectorTexts {
  std::string labels;
  std::string fields;
};

// Of the metadata x-kubase-label-selector and x-kubase-field-selector, whose values are
// percent-encoded (RFC 3986), since metadata is ASCII. What is not well encoded stays as it is, and
// is then no selector.
SelectorTexts SelectorTextsOf(const grpc::CallbackServerContext& context);

// Those of the metadata, or those of the message where the metadata has none. Null: everything.
// Error kInvalidArgument: the message quotes the selector that is none.
// shared: as RangeRequest and WatchRequest have it.
Result<std::shared_ptr<const select::Selector>> SelectorOf(const SelectorTexts& metadata,
                                                           std::string_view message_labels,
                                                           std::string_view message_fields);

}  // namespace kubase::wire
