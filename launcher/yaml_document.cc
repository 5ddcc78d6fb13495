// Walks yaml-cpp's tree by hand, because only its tags tell a quoted scalar from a plain one.
#include "launcher/yaml_document.h"

#include <fmt/format.h>

namespace kubase::launcher {
namespace {

constexpr int kDepthMax = 100;
constexpr int kNodesMax = 1'000'000;
// yaml-cpp's tags for "was quoted" and "was plain".
constexpr const char* kQuoted = "!";
constexpr const char* kPlain = "?";

Error TooLarge() {
  return Error{ErrorCode::kInvalidArgument, "it is nested too deeply or refers to itself"};
}

class Writer {
 public:
  Writer() { out_.SetNullFormat(YAML::LowerNull); }

  Result<void> Write(const YAML::Node& node, int depth) {
    if (depth > kDepthMax || ++nodes_ > kNodesMax) return TooLarge();
    switch (node.Type()) {
      case YAML::NodeType::Map:
        return WriteMap(node, depth);
      case YAML::NodeType::Sequence:
        return WriteSequence(node, depth);
      case YAML::NodeType::Scalar:
        WriteScalar(node);
        return Ok();
      default:
        out_ << YAML::Null;
        return Ok();
    }
  }

  Result<std::string> Finish() {
    if (!out_.good())
      return Error{ErrorCode::kInternal, "cannot write YAML: " + out_.GetLastError()};
    return std::string(out_.c_str(), out_.size()) + "\n";
  }

 private:
  void WriteTag(const YAML::Node& node) {
    const std::string& tag = node.Tag();
    if (!tag.empty() && tag != kQuoted && tag != kPlain) out_ << YAML::VerbatimTag(tag);
  }

  Result<void> WriteMap(const YAML::Node& node, int depth) {
    WriteTag(node);
    out_ << YAML::BeginMap;
    for (const auto& entry : node) {
      out_ << YAML::Key;
      KUBASE_TRY(Write(entry.first, depth + 1));
      out_ << YAML::Value;
      KUBASE_TRY(Write(entry.second, depth + 1));
    }
    out_ << YAML::EndMap;
    return Ok();
  }

  Result<void> WriteSequence(const YAML::Node& node, int depth) {
    WriteTag(node);
    out_ << YAML::BeginSeq;
    for (const YAML::Node& entry : node) KUBASE_TRY(Write(entry, depth + 1));
    out_ << YAML::EndSeq;
    return Ok();
  }

  void WriteScalar(const YAML::Node& node) {
    WriteTag(node);
    if (node.Tag() == kQuoted) out_ << YAML::DoubleQuoted;
    out_ << node.Scalar();
  }

  YAML::Emitter out_;
  int nodes_ = 0;
};

// A scalar made by this program has no tag and may come back with or without quotes.
bool SameKind(const YAML::Node& a, const YAML::Node& b) {
  return a.Tag().empty() || (a.Tag() == kQuoted) == (b.Tag() == kQuoted);
}

// Both trees passed the Writer, so the recursion ends.
bool Same(const YAML::Node& a, const YAML::Node& b) {
  if (a.Type() != b.Type() || a.size() != b.size()) return false;
  if (a.IsScalar()) return a.Scalar() == b.Scalar() && SameKind(a, b);
  auto other = b.begin();
  for (const auto& entry : a) {
    if (a.IsMap() && !(Same(entry.first, other->first) && Same(entry.second, other->second))) {
      return false;
    }
    if (a.IsSequence() && !Same(entry, *other)) return false;
    ++other;
  }
  return true;
}

}  // namespace

Result<YAML::Node> ParseYaml(const std::string& text) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.empty()) return YAML::Node();
    if (documents.size() == 1) return documents.front();
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("it holds {} documents", documents.size())};
  } catch (const YAML::Exception& exception) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("it is not YAML (line {}: {})",
                                                          exception.mark.line + 1, exception.msg)};
  }
}

Result<std::string> EmitYaml(const YAML::Node& node) {
  try {
    Writer writer;
    KUBASE_TRY(writer.Write(node, 0));
    KUBASE_ASSIGN_OR_RETURN(std::string text, writer.Finish());
    KUBASE_ASSIGN_OR_RETURN(const YAML::Node read_back, ParseYaml(text));
    if (!Same(node, read_back)) {
      return Error{ErrorCode::kInternal, "it holds YAML that cannot be written back unchanged"};
    }
    return text;
  } catch (const YAML::Exception& exception) {
    return Error{ErrorCode::kInternal, "cannot write YAML: " + exception.msg};
  }
}

}  // namespace kubase::launcher
