// Changes the text of the members that change, and puts the rest back as it was.
#include <simdjson.h>

#include <utility>

#include "shim/collect/json_text.h"
#include "shim/collect/metadata_edit_encodings.h"
#include "shim/collect/timestamp.h"
#include "shim/select/json_tree.h"

namespace kubase::collect {
namespace {

// Null: there is none, or null, which Go decodes as if there were none.
const JsonPart* FindObject(JsonText& parent, std::string_view name) {
  const JsonPart* part = parent.Find(name);
  return part == nullptr || part->value == "null" ? nullptr : part;
}

// The object that is a member of another one, or an empty one. Null: a name in it comes twice, so
// that it is not certain what would change.
std::optional<JsonText> ObjectIn(JsonText& parent, std::string_view name) {
  const JsonPart* part = FindObject(parent, name);
  JsonText object = SplitJson(part == nullptr ? "{}" : part->value);
  if (object.HasNameTwice()) return std::nullopt;
  return object;
}

// An empty object does not come instead of none.
void SetObject(JsonText& parent, std::string_view name, const JsonText& object) {
  if (object.parts.empty() && FindObject(parent, name) == nullptr) return;
  parent.Set(name, JoinJson(object));
}

// False: a name comes twice in a reference that changes.
bool EditOwners(JsonText& metadata, const std::vector<OwnerReference>& owners,
                const MetadataEdit& edit) {
  if (owners.empty()) {
    metadata.Remove("ownerReferences");
    return true;
  }
  JsonText list = SplitJson(metadata.Find("ownerReferences")->value);
  std::vector<JsonPart> kept;
  for (size_t i = 0; i < owners.size(); ++i) {
    if (Removes(edit, owners[i])) continue;
    JsonPart& part = kept.emplace_back(std::move(list.parts.at(i)));
    if (!Unblocks(edit, owners[i])) continue;
    JsonText reference = SplitJson(part.value);
    if (reference.HasNameTwice()) return false;
    reference.Set("blockOwnerDeletion", "false");
    part.value = JoinJson(reference);
  }
  list.parts = std::move(kept);
  if (list.parts.empty()) {
    metadata.Remove("ownerReferences");
  } else {
    metadata.Set("ownerReferences", JoinJson(list));
  }
  return true;
}

void SetFinalizers(JsonText& metadata, const std::vector<std::string>& finalizers) {
  if (finalizers.empty()) {
    metadata.Remove("finalizers");
    return;
  }
  std::string list;
  for (const std::string& finalizer : finalizers) {
    list += (list.empty() ? "[" : ",") + QuoteJson(finalizer);
  }
  metadata.Set("finalizers", list + "]");
}

// False: the time cannot be written.
bool SetDeletion(JsonText& metadata, const MetadataEdit::Deletion& deletion) {
  const std::optional<std::string> time = TimestampText(deletion.time);
  if (!time) return false;
  metadata.Set("deletionTimestamp", QuoteJson(*time));
  metadata.Set("deletionGracePeriodSeconds", std::to_string(deletion.grace_seconds));
  return true;
}

// kube-apiserver leaves a zero out.
void SetGeneration(JsonText& metadata, int64_t generation) {
  if (generation == 0) {
    metadata.Remove("generation");
  } else {
    metadata.Set("generation", std::to_string(generation));
  }
}

}  // namespace

std::optional<std::string> EditJson(std::string_view json, const ObjectMetadata& metadata,
                                    const MetadataEdit& edit) {
  JsonText root = SplitJson(json);
  std::optional<JsonText> object = ObjectIn(root, "metadata");
  if (root.HasNameTwice() || !object) return std::nullopt;
  if (ChangesOwners(edit) && !EditOwners(*object, metadata.owners, edit)) return std::nullopt;
  if (edit.finalizers) SetFinalizers(*object, *edit.finalizers);
  if (edit.deletion && !SetDeletion(*object, *edit.deletion)) return std::nullopt;
  if (edit.generation) SetGeneration(*object, *edit.generation);
  SetObject(root, "metadata", *object);
  return JoinJson(root);
}

std::optional<std::string> JsonWithPhase(std::string_view json, std::string_view phase) {
  simdjson::dom::parser parser;
  simdjson::dom::element parsed;
  if (parser.parse(json.data(), json.size()).get(parsed) != simdjson::SUCCESS) return std::nullopt;
  const select::JsonMember old = select::MemberAt(parsed, {"status", "phase"});
  if (old.undecided() || (old.present() && !old.value.is_string())) return std::nullopt;
  JsonText root = SplitJson(json);
  std::optional<JsonText> status = ObjectIn(root, "status");
  if (root.HasNameTwice() || !status) return std::nullopt;
  status->Set("phase", QuoteJson(phase));
  SetObject(root, "status", *status);
  return JoinJson(root);
}

}  // namespace kubase::collect
