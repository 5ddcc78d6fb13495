// Does what oracle/edit_test.go asks, one line a question: a value in hexadecimal digits, a space,
// and the change as JSON. The answer is JSON: "metadata" is what was read from the value, "value"
// what the change made of it; null is null. Its strings are in hexadecimal digits too, since they
// need not be UTF-8.
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "shim/collect/metadata_edit.h"
#include "shim/collect/object_metadata.h"

namespace kubase::collect {
namespace {

using nlohmann::json;

std::string FromHex(std::string_view digits) {
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

std::string ToHex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    digits += {kDigits[byte / 16], kDigits[byte % 16]};
  }
  return digits;
}

MetadataEdit EditOf(const json& edit) {
  MetadataEdit result;
  result.removed_owners = edit.value("removedOwners", std::vector<std::string>());
  const std::string unblock = edit.value("unblock", "");
  if (unblock == "blocking") result.unblock = MetadataEdit::Unblock::kBlocking;
  if (unblock == "all") result.unblock = MetadataEdit::Unblock::kAll;
  if (edit.contains("finalizers")) result.finalizers = edit["finalizers"];
  if (edit.contains("deletion")) {
    const json& deletion = edit["deletion"];
    result.deletion = {.time = deletion["time"], .grace_seconds = deletion["graceSeconds"]};
  }
  if (edit.contains("generation")) result.generation = edit["generation"].get<int64_t>();
  return result;
}

template <typename Value>
json OrNull(const std::optional<Value>& value) {
  return value ? json(*value) : json();
}

json JsonOf(const ObjectMetadata& metadata) {
  json owners = json::array();
  for (const OwnerReference& owner : metadata.owners) {
    owners.push_back({{"apiVersion", ToHex(owner.api_version)},
                      {"kind", ToHex(owner.kind)},
                      {"name", ToHex(owner.name)},
                      {"uid", ToHex(owner.uid)},
                      {"blocks", owner.block_owner_deletion}});
  }
  json finalizers = json::array();
  for (const std::string& finalizer : metadata.finalizers) finalizers.push_back(ToHex(finalizer));
  return {{"uid", ToHex(metadata.uid)},
          {"skipsCaching", metadata.skips_caching},
          {"owners", std::move(owners)},
          {"finalizers", std::move(finalizers)},
          {"generation", metadata.generation},
          {"deletionTime", OrNull(metadata.deletion_time)},
          {"deletionGraceSeconds", OrNull(metadata.deletion_grace_seconds)}};
}

json Answer(const std::string& line) {
  const size_t space = line.find(' ');
  const std::string value = FromHex(std::string_view(line).substr(0, space));
  const json question = json::parse(line.substr(space + 1));
  const std::optional<ObjectMetadata> metadata = ReadMetadata(value);
  std::optional<std::string> changed = EditMetadata(value, EditOf(question));
  if (changed && question.value("terminates", false)) changed = WithTerminatingPhase(*changed);
  return {{"metadata", metadata ? JsonOf(*metadata) : json()},
          {"value", changed ? json(ToHex(*changed)) : json()}};
}

}  // namespace
}  // namespace kubase::collect

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << kubase::collect::Answer(line).dump() << std::endl;
  }
  return 0;
}
