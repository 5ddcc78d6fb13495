// Finalizers and grace decide whether an object goes or waits.
#include "shim/collect/deletion.h"

#include <simdjson.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "shim/select/encoding.h"
#include "shim/select/json_tree.h"
#include "shim/select/object_reader.h"
#include "shim/select/wire_message.h"

namespace kubase::collect {
namespace {

constexpr std::string_view kPods = "/registry/pods/";
constexpr int64_t kDefaultPodGraceSeconds = 30;  // kubernetes pkg/apis/core/v1/defaults.go

std::vector<std::string> FinalizersAfter(const ObjectMetadata& object, Propagation propagation) {
  std::vector<std::string> finalizers;
  for (const std::string& finalizer : object.finalizers) {
    if (finalizer != kOrphanFinalizer && finalizer != kForegroundFinalizer) {
      finalizers.push_back(finalizer);
    }
  }
  if (propagation == Propagation::kOrphan) finalizers.emplace_back(kOrphanFinalizer);
  if (propagation == Propagation::kForeground) finalizers.emplace_back(kForegroundFinalizer);
  return finalizers;
}

bool SameMembers(std::vector<std::string> a, std::vector<std::string> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

// What a Pod says that decides how long it has.
struct PodEnd {
  bool on_a_node = false;
  bool ended = false;
  int64_t grace_seconds = kDefaultPodGraceSeconds;
};

bool HasEnded(std::string_view phase) {
  return phase == "Succeeded" || phase == "Failed";
}

// Numbers of k8s.io/api core/v1/generated.proto.
std::optional<PodEnd> PodEndInProtobuf(std::string_view value) {
  constexpr uint32_t kSpec = 2, kStatus = 3, kPhase = 1, kGraceSeconds = 4, kNodeName = 10;
  const std::optional<std::string_view> pod = select::ProtobufContent(value);
  if (!pod) return std::nullopt;
  const auto spec = select::MessageAt(*pod, {{kSpec}});
  const auto phase = select::MessageAt(*pod, {{kStatus, kPhase}});
  if (!spec || !phase) return std::nullopt;
  const auto fields = select::FieldsOf(*spec);
  if (!fields) return std::nullopt;
  const auto node = select::BytesOf(select::MemberOf(*fields, kNodeName));
  const select::WireMember grace = select::MemberOf(*fields, kGraceSeconds);
  if (!node || grace.undecided()) return std::nullopt;
  PodEnd end{.on_a_node = !node->empty(), .ended = HasEnded(*phase)};
  if (grace.present()) end.grace_seconds = static_cast<int64_t>(grace.field.varint);
  return end;
}

std::optional<PodEnd> PodEndInJson(std::string_view value) {
  simdjson::dom::parser parser;
  simdjson::dom::element pod;
  if (parser.parse(value.data(), value.size()).get(pod) != simdjson::SUCCESS) return std::nullopt;
  const select::JsonMember node = select::MemberAt(pod, {"spec", "nodeName"});
  const select::JsonMember phase = select::MemberAt(pod, {"status", "phase"});
  const select::JsonMember grace = select::MemberAt(pod, {"spec", "terminationGracePeriodSeconds"});
  if (node.undecided() || phase.undecided() || grace.undecided()) return std::nullopt;
  std::string_view node_name, phase_name;
  PodEnd end;
  if (node.present() && node.value.get(node_name) != simdjson::SUCCESS) return std::nullopt;
  if (phase.present() && phase.value.get(phase_name) != simdjson::SUCCESS) return std::nullopt;
  if (grace.present() && grace.value.get(end.grace_seconds) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  end.on_a_node = !node_name.empty();
  end.ended = HasEnded(phase_name);
  return end;
}

}  // namespace

std::optional<MetadataEdit> EditForDeletion(const ObjectMetadata& object, Propagation propagation,
                                            int64_t grace_seconds, int64_t now) {
  MetadataEdit edit;
  if (object.IsBeingDeleted() && object.deletion_grace_seconds.value_or(0) > 0) return edit;
  const bool graceful = grace_seconds > 0 && !object.IsBeingDeleted();
  std::vector<std::string> finalizers = FinalizersAfter(object, propagation);
  if (finalizers.empty() && !graceful) return std::nullopt;
  if (!SameMembers(finalizers, object.finalizers)) edit.finalizers = std::move(finalizers);
  if (!object.IsBeingDeleted() && object.generation > 0) edit.generation = object.generation + 1;
  const int64_t grace = graceful ? grace_seconds : 0;
  const int64_t time = std::min(object.deletion_time.value_or(now + grace), now + grace);
  if (object.deletion_time != time || object.deletion_grace_seconds != grace) {
    edit.deletion = {time, grace};
  }
  return edit;
}

std::optional<MetadataEdit> EditForFinalized(const ObjectMetadata& object,
                                             std::string_view finalizer) {
  std::vector<std::string> rest = object.finalizers;
  std::erase(rest, finalizer);
  const bool grace_is_over = object.deletion_grace_seconds.value_or(0) == 0;
  if (rest.empty() && object.IsBeingDeleted() && grace_is_over) return std::nullopt;
  MetadataEdit edit;
  edit.finalizers = std::move(rest);
  return edit;
}

// A Pod that no kubelet has or that has ended is deleted at once (kubernetes
// pkg/registry/core/pod/strategy.go, CheckGracefulDelete).
std::optional<int64_t> GraceSecondsOf(std::string_view prefix, std::string_view value) {
  if (prefix != kPods) return 0;
  const bool is_protobuf = select::EncodingOf(value) == select::Encoding::kProtobuf;
  const std::optional<PodEnd> end = is_protobuf ? PodEndInProtobuf(value) : PodEndInJson(value);
  if (!end) return std::nullopt;
  if (!end->on_a_node || end->ended) return 0;
  return end->grace_seconds < 0 ? 1 : end->grace_seconds;
}

}  // namespace kubase::collect
